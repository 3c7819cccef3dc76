"""The steps that make the API user at ESET, each with what proves that it was taken."""

from plugin.domain.rights import GuideStep, Recipe
from plugin.vendors.eset import rights

_NOT_TOLD = "Cannot be checked: ESET tells a program nothing about who made a user, or how."

STEPS = (
    GuideStep(
        "Sign in as Root or Superuser: only these can make a user with access to the interface, "
        "and not for themselves. The PROTECT console itself cannot make one.",
        unproven=_NOT_TOLD,
    ),
    GuideStep(
        "ESET MSP Administrator or Business Account: User management > New user, with an email "
        "address that can receive the invitation. PROTECT Hub: Users > permissions.",
        proofs=(rights.SIGN_IN,),
    ),
    GuideStep("Switch Integrations on (under Access Rights).", proofs=(rights.INTEGRATIONS,)),
    GuideStep(
        "Read-only (recommended): My Company: Read; PROTECT & Inspect: Read. The check is green "
        "and actions are hidden.",
        Recipe.READ_ONLY,
        (rights.COMPUTERS, rights.SCOPE),
    ),
    GuideStep(
        "With actions: My Company: Write; ESET PROTECT: Custom.",
        Recipe.WITH_ACTIONS,
        (rights.WRITE,),
        "Cannot be checked: only a real task would try it, and it would run.",
    ),
    GuideStep(
        "With actions: in the PROTECT console make a permission set with static groups All and "
        "full functionality and assign it to this user: Custom without a permission set gives no "
        "rights at all.",
        Recipe.WITH_ACTIONS,
        (rights.COMPUTERS, rights.SCOPE),
    ),
    GuideStep(
        "Open the invitation, set a password, and sign in at the portal once. Leave two-step "
        "sign-in off for this user.",
        proofs=(rights.SIGN_IN,),
    ),
    GuideStep(
        "Choose the region of the PROTECT console here, enter email and password, Continue.",
        proofs=(rights.SIGN_IN, "Read groups"),
    ),
    GuideStep(
        "Optional, for billing: enter an ESET MSP Administrator user that may read the customers.",
        proofs=(rights.MSP_API, rights.CUSTOMERS),
    ),
    GuideStep(
        "On-Prem: switch the REST API on in the server's settings, make a user other than the "
        "built-in Administrator (which may not use it), and load the server's certificate here.",
        unproven="Concerns an On-Prem server only; there, the first step of the check proves it.",
    ),
)
