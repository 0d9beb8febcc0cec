"""Where in each mail provider's own pages the address goes, in a sentence."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

STEPS: dict[str, str | Promise] = {
    "amazon_ses": _("Make an SNS topic for the events of your configuration set, and subscribe the address to it."),
    "brevo": _("Transactional → Settings → Webhook → Add a new webhook."),
    "mailersend": _("Domains → your domain → Webhooks. Keep the signing secret that it shows."),
    "mailgun": _("Sending → Webhooks; the signing key stands on the same page. Inbound: a route with forward()."),
    "mailjet": _("Account settings → Event notifications; choose grouped events."),
    "mailtrap": _("Settings → Webhooks, and the secret that it shows. Inbound mail needs an API token too."),
    "mandrill": _("Settings → Webhooks; the key is shown beside the webhook once it is made."),
    "postal": _("Your mail server → Webhooks. The public key of the server proves the requests."),
    "postmark": _("Servers → your message stream → Webhooks. Inbound: the settings of the inbound stream."),
    "resend": _("Webhooks → Add webhook, and its signing secret. Inbound mail needs an API key too."),
    "sendgrid": _("Settings → Mail settings → Event webhook; switch the signature on and copy its verification key."),
    "sparkpost": _("Webhooks → Create webhook; choose message, engagement and unsubscribe events."),
    "unisender_go": _("Project → Webhooks, and the project's API key."),
}
