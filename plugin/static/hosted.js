// Our page inside a host's screen: the hosted API's hand-shake (every message is a JSON text), the
// hand-over of who is looking, and pages fetched into this one, so that the host always has somebody
// who answers its events. The session's bearer stays in this script's memory and nowhere else.
"use strict";

(() => {
  const place = document.querySelector("[data-hosted]");
  if (!place) return;
  const { hostOrigin, action, onward } = place.dataset;
  let { launch } = place.dataset;
  let record = { screen: given(place.dataset.screen), id: given(place.dataset.record) };
  let frameId = "";
  let bearer = "";
  let opened = false;
  let goOn = null;  // what to do once the session is fresh again

  if (window.parent === window) {  // opened in a window of its own: the usual sign-in
    location.replace(onward);
    return;
  }

  // A host that does not know the token leaves it as it is.
  function given(text) { return (text || "").includes("[") ? "" : text || ""; }

  const tell = (message) => parent.postMessage(
    JSON.stringify(frameId ? { ...message, frameID: frameId } : message), hostOrigin);
  const askWhoIsThere = () => tell({ hosted_request: "getMemberAuthentication" });

  const fail = (sentence) => {
    if (opened) return;  // a page that is shown stays; its next request says what is wrong
    document.getElementById("hosted-waiting")?.remove();  // hidden, it would be shown once more
    document.getElementById("hosted-problem").textContent = sentence;
    document.getElementById("hosted-failed").hidden = false;
  };

  if (self.origin === "null") {  // sandboxed by the host, without allow-same-origin
    fail("This screen keeps Bridgehead in a sandbox in which nobody can sign in.");
    return;
  }

  // One frame after the other, so that frames of one host page share one session. Where a browser
  // keeps locks from a frame each has its own, and works as well by its bearer.
  const alone = async (act) => {
    try {
      return await navigator.locks.request("bridgehead-hand-over", act);
    } catch (error) {
      if (error.name === "SecurityError" || !navigator.locks) return act();
      throw error;
    }
  };

  const handOver = async (member) => {
    const answer = await fetch(action, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...(bearer && { Authorization: `Bearer ${bearer}` }) },
      body: JSON.stringify({
        launch,
        company: member.companyid, member: member.memberid,
        hash: member.memberHash, context: member.memberContext,
        screen: record.screen, record: record.id,
      }),
    });
    const told = await answer.json();
    if (!answer.ok) { fail(told.problem || "Bridgehead could not find out who you are."); return; }
    ({ bearer, launch } = told);
    setTimeout(askWhoIsThere, told.minutes * 60000 * 0.6);
    if (goOn) { const next = goOn; goOn = null; next(); }
    else if (!opened) open(told.to);
  };

  const open = (address) => {
    opened = true;
    document.body.setAttribute("hx-boost", "true");
    const link = document.createElement("a");
    link.href = address;
    document.body.append(link);
    htmx.process(document.body);
    link.click();
  };

  const onMessage = (message) => {
    if (message.MessageFrameID) {
      const first = !frameId;
      frameId = String(message.MessageFrameID);
      if (first) askWhoIsThere();
    } else if (message.event) {
      const shown = message.data && message.data.screenObject;
      if (message.event === "onLoad" && shown && !opened) {
        record = { screen: String(shown.screen || record.screen), id: String(shown.id || record.id) };
      }
      tell({ event: message.event, _id: message._id, result: "success" });
    } else if (message.response === "getmemberauthentication") {
      const member = message.data || {};
      alone(() => handOver(member)).catch(() => fail("The server cannot be reached. Check the network, then try again."));
    }
  };

  addEventListener("message", (event) => {
    if (event.source !== parent || event.origin !== hostOrigin || typeof event.data !== "string") return;
    let message;
    try { message = JSON.parse(event.data); } catch { return; }
    if (message && typeof message === "object") onMessage(message);
  });

  const headers = () => ({ Authorization: `Bearer ${bearer}`, "Bridgehead-Frame": "1" });

  document.addEventListener("htmx:configRequest", ({ detail }) => Object.assign(detail.headers, headers()));
  // A whole page that says what is wrong is shown as it is; an ended session is begun anew.
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (!detail.boosted || detail.xhr.status < 400) return;
    if (detail.xhr.status === 401 && detail.requestConfig.verb === "get" && !goOn) {
      detail.shouldSwap = false;
      goOn = () => open(detail.requestConfig.path);
      askWhoIsThere();
      return;
    }
    detail.shouldSwap = true;
    detail.isError = false;
  });

  // A download is no page: it is fetched with the bearer and handed to the browser.
  document.addEventListener("click", async (event) => {
    const link = event.target.closest("a[download]");
    if (!link) return;
    event.preventDefault();
    const answer = await fetch(link.href, { headers: headers() });
    const named = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition") || "");
    const file = document.createElement("a");
    file.href = URL.createObjectURL(await answer.blob());
    file.download = named ? named[1] : "";
    file.dispatchEvent(new MouseEvent("click"));
    URL.revokeObjectURL(file.href);
  }, true);

  setTimeout(() => { if (!frameId) fail("The host's screen does not answer."); }, 10000);
  tell({ message: "ready" });
})();
