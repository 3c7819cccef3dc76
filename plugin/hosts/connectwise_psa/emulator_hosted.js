// The host's side of the vendor's hosted API 1.0, as the real page does it:
// every message is a JSON text; requests have the key "hosted_request" and the frame's id;
// what is not so is silently ignored; every event wants an answer before a save goes on.
"use strict";

(function () {
  const page = JSON.parse(document.body.dataset.page);
  const frame = document.getElementById("hosted");
  const state = document.getElementById("state");
  const log = document.getElementById("log");
  const frameId = "frame" + Math.random().toString(36).slice(2);
  const waiting = new Map();
  let dirty = false;
  let lastEvent = 0;

  const origin = page.frame ? new URL(page.frame, location.href).origin : "";

  function note(direction, text) {
    log.append(direction + " " + text + "\n");
  }

  function post(message) {
    const text = JSON.stringify(message);
    note("host to page:", text.replace(/"memberHash":"[^"]*"/, '"memberHash":"…"'));
    frame.contentWindow.postMessage(text, origin);
  }

  function tell(event, data) {
    const id = String(++lastEvent);
    return new Promise(function (resolve) {
      waiting.set(id, resolve);
      post({ event: event, _id: id, data: data });
    });
  }

  const answers = {
    getMemberAuthentication: function () { return page.member || {}; },
    getScreenObject: function () { return { screenObject: page.screenObject }; },
    setDirty: function (args) { dirty = Boolean(args && args.dirty); return { dirty: dirty }; },
    refreshScreen: function () { frame.src = frame.src; return {}; },
    openScreen: function (args) {
      document.body.dataset.opened = JSON.stringify(args || {});
      return {};
    },
  };

  function onRequest(message) {
    const answer = answers[message.hosted_request];
    if (!answer || message.frameID !== frameId) { return; }
    post({ response: message.hosted_request.toLowerCase(), data: answer(message.args) });
  }

  window.addEventListener("message", function (event) {
    if (event.source !== frame.contentWindow || typeof event.data !== "string") { return; }
    let message;
    try { message = JSON.parse(event.data); } catch (error) { return; }
    note("page to host:", event.data);
    if (message.message === "ready") {
      post({ MessageFrameID: frameId });
      tell("onLoad", { screenObject: page.screenObject });
      post({ MessageFrameID: frameId });  // the real page is seen to say it more than once
    } else if (message.hosted_request) {
      onRequest(message);
    } else if (message.event && waiting.has(message._id) && message.frameID === frameId) {
      waiting.get(message._id)(message);
      waiting.delete(message._id);
    }
  });

  async function ask(event) {
    state.textContent = "saving";  // and stays so for ever when the page does not answer
    const answer = await tell(event, { screenObject: page.screenObject });
    state.textContent = answer.result === "success"
      ? "saved"
      : "stopped: " + (answer.errors || []).join(", ");
  }

  document.getElementById("save").addEventListener("click", function () { ask("beforeSave"); });
  document.getElementById("back").addEventListener("click", function () { ask("beforeBack"); });

  // Only now: a page that is quicker than this script would be "ready" with nobody listening.
  frame.src = page.frame;
}());
