"""The vocabularies as people read them: RSIT classes, severity, handling, confidence, STIX types, nations, roles.

Keys are what STIX and RSIT spell, in the order a list shows them; labels are translated anew for each reader. An
unknown key, from other people's software or a newer vocabulary, is shown as it is spelt.
RSIT: enisaeu Reference Security Incident Taxonomy, machine form 1003, as labels `rsit:class="value"` (SX-86).
"""

import re

from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from cert.errors import Phrase, Spoken, filled

RSIT_TAG = re.compile(r'^rsit:([a-z-]+)(?:="([a-z0-9-]+)")?$')

RSIT = {
    "abusive-content": (
        _l("Abusive content"),
        {
            "spam": _l("Spam"),
            "harmful-speech": _l("Harmful speech"),
            "violence": _l("Sexual or violent content"),
        },
    ),
    "malicious-code": (
        _l("Malicious code"),
        {
            "infected-system": _l("Infected system"),
            "c2-server": _l("Command and control server"),
            "malware-distribution": _l("Malware distribution"),
            "malware-configuration": _l("Malware configuration"),
        },
    ),
    "information-gathering": (
        _l("Information gathering"),
        {
            "scanner": _l("Scanning"),
            "sniffing": _l("Sniffing"),
            "social-engineering": _l("Social engineering"),
        },
    ),
    "intrusion-attempts": (
        _l("Intrusion attempts"),
        {
            "ids-alert": _l("Exploitation of known vulnerabilities"),
            "brute-force": _l("Sign-in attempts (brute force)"),
            "exploit": _l("New attack signature"),
        },
    ),
    "intrusions": (
        _l("Intrusions"),
        {
            "privileged-account-compromise": _l("Privileged account compromised"),
            "unprivileged-account-compromise": _l("Unprivileged account compromised"),
            "application-compromise": _l("Application compromised"),
            "system-compromise": _l("System compromised"),
            "burglary": _l("Physical intrusion"),
        },
    ),
    "availability": (
        _l("Availability"),
        {
            "dos": _l("Denial of service (DoS)"),
            "ddos": _l("Distributed denial of service (DDoS)"),
            "misconfiguration": _l("Misconfiguration"),
            "sabotage": _l("Sabotage"),
            "outage": _l("Outage"),
        },
    ),
    "information-content-security": (
        _l("Security of information"),
        {
            "unauthorised-information-access": _l("Unauthorised access to information"),
            "unauthorised-information-modification": _l("Unauthorised change of information"),
            "data-loss": _l("Data loss"),
            "data-leak": _l("Data leak"),
        },
    ),
    "fraud": (
        _l("Fraud"),
        {
            "unauthorised-use-of-resources": _l("Unauthorised use of resources"),
            "copyright": _l("Copyright"),
            "masquerade": _l("Impersonation"),
            "phishing": _l("Phishing"),
        },
    ),
    "vulnerable": (
        _l("Vulnerable"),
        {
            "weak-crypto": _l("Weak cryptography"),
            "ddos-amplifier": _l("DDoS amplifier"),
            "potentially-unwanted-accessible": _l("Service that should not be reachable"),
            "information-disclosure": _l("Information disclosure"),
            "vulnerable-system": _l("Vulnerable system"),
        },
    ),
    "other": (_l("Other"), {"other": _l("Uncategorised"), "undetermined": _l("Undetermined")}),
    "test": (_l("Test"), {"test": _l("Test (not a real incident)")}),
}
SEVERITIES = {"low": _l("Low"), "medium": _l("Medium"), "high": _l("High"), "critical": _l("Critical")}
STATES = {"new": _l("New"), "open": _l("Open"), "closed": _l("Closed")}
CONFIDENCES = {15: _l("Low"), 50: _l("Moderate"), 85: _l("High")}
# Strictest first. The meanings are FIRST's own, TLP 2.0, in one line.
HANDLINGS = {
    "red": _l("Only the people named in the exchange."),
    "amber+strict": _l("Only the organisation that receives it."),
    "amber": _l("The organisation that receives it, and its clients who need to know."),
    "green": _l("The community, but not the public."),
    "clear": _l("Anyone; no limit on disclosure."),
}
NATIONS = {"mx": _l("Mexico"), "us": _l("United States")}
LANGUAGES = {"es": "Español", "en": "English"}
ROLES = {
    "responder": _l("responder"),
    "releaser": _l("releaser"),
    "duty-officer": _l("duty officer"),
    "administrator": _l("administrator"),
}
TYPES = {
    "incident": _l("Incident"),
    "indicator": _l("Indicator"),
    "observed-data": _l("Observed data"),
    "infrastructure": _l("Shared system"),
    "note": _l("Note"),
    "opinion": _l("Opinion"),
    "sighting": _l("Sighting"),
    "report": _l("Report"),
    "grouping": _l("Grouping"),
    "relationship": _l("Relationship"),
    "identity": _l("Organisation"),
    "location": _l("Location"),
    "marking-definition": _l("Handling"),
    "extension-definition": _l("Extension"),
    "language-content": _l("Translation"),
    "attack-pattern": _l("Technique"),
    "campaign": _l("Campaign"),
    "course-of-action": _l("Course of action"),
    "intrusion-set": _l("Intrusion set"),
    "malware": _l("Malware"),
    "malware-analysis": _l("Malware analysis"),
    "threat-actor": _l("Threat actor"),
    "tool": _l("Tool"),
    "vulnerability": _l("Vulnerability"),
    "ipv4-addr": _l("IPv4 address"),
    "ipv6-addr": _l("IPv6 address"),
    "domain-name": _l("Domain name"),
    "url": _l("URL"),
    "email-addr": _l("E-mail address"),
    "email-message": _l("E-mail message"),
    "file": _l("File"),
    "mac-addr": _l("MAC address"),
    "autonomous-system": _l("Autonomous system"),
    "network-traffic": _l("Network traffic"),
    "user-account": _l("User account"),
    "windows-registry-key": _l("Registry key"),
    "x509-certificate": _l("Certificate"),
    "software": _l("Software"),
    "process": _l("Process"),
    "mutex": _l("Mutex"),
    "artifact": _l("Artifact"),
    "directory": _l("Directory"),
}
RELATIONSHIPS = {
    "analysis-of": _l("is an analysis of"),
    "attributed-to": _l("is attributed to"),
    "based-on": _l("is based on"),
    "belongs-to": _l("belongs to"),
    "communicates-with": _l("communicates with"),
    "consists-of": _l("consists of"),
    "derived-from": _l("is derived from"),
    "duplicate-of": _l("is the same as"),
    "exploits": _l("exploits"),
    "impacts": _l("impacts"),
    "indicates": _l("indicates"),
    "located-at": _l("is located at"),
    "mitigates": _l("mitigates"),
    "related-to": _l("is related to"),
    "resolves-to": _l("resolves to"),
    "targets": _l("targets"),
    "uses": _l("uses"),
}


def rsit_name(tag: str) -> str:
    """The value, or else the class, of an RSIT label such as `rsit:availability="ddos"`, in words."""
    parts = RSIT_TAG.match(tag)
    if parts is None or parts[1] not in RSIT:
        return tag
    label, values = RSIT[parts[1]]
    return str(values.get(parts[2], label)) if parts[2] else str(label)


def nation_name(nation: str) -> str:
    """The name of a nation by its two-letter code."""
    return str(NATIONS.get(nation, nation.upper()))


def type_name(stix_type: str) -> str:
    """A STIX type in a duty officer's words."""
    return str(TYPES.get(stix_type, stix_type))


def relationship_name(kind: str) -> str:
    """The verb of a STIX relationship in words; one that is not common stays as it is spelt."""
    return str(RELATIONSHIPS.get(kind, kind))


def state_name(state: str) -> str:
    """The investigation status of an incident in words."""
    return str(STATES.get(state, state))


def role_name(role: str) -> str:
    """A role in words."""
    return str(ROLES.get(role, role))


def language_name(code: str) -> str:
    """A language in its own name, so that its readers find it whatever the page is drawn in."""
    return LANGUAGES.get(code, code)


def handling_meaning(level: str) -> str:
    """One line on who may have it."""
    return str(HANDLINGS.get(level, level))


def confidence_name(confidence: int) -> str:
    """STIX confidence 0 to 100 as low, moderate or high, with the number."""
    nearest = min(CONFIDENCES, key=lambda known: abs(known - confidence))
    return f"{CONFIDENCES[nearest]} ({confidence})"


def sentence(one: Phrase | Spoken) -> str:
    """A sentence in the reader's language: as it stands in the code it is the message id, its data fill the blanks.

    One that nobody wrote for translators, such as another server's own words, stays as it is.
    """
    data = {name: sentence(value) if isinstance(value, Phrase) else value for name, value in one.data.items()}
    return filled(str(gettext(one.sentence)) if one.sentence else "", data)
