"""What the audit log keeps of where events come from. Secrets, keys and a form's address are never in it."""

from crm.models import InboundForm, InboundSource
from people.audit import Kind, columns_of

SOURCE = Kind("source", columns_of(InboundSource, without=("notice",)), secrets=frozenset({"secret", "keys"}))
FORM = Kind("form", columns_of(InboundForm, without=("trapped",)), secrets=frozenset({"key"}))
