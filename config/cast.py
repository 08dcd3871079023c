"""The cast and the history of `make demo`: who works where, what both nations share, and what has happened lately.

The tests use the same people and incidents, so whoever has seen the demo can read them.
"""

from dataclasses import dataclass

HOUR_US = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody of the cast. `org` is "" for the national CERT."""

    login: str
    name: str
    roles: tuple[str, ...]
    org: str = ""


@dataclass(frozen=True, slots=True)
class System:
    """A system both depend on: each nation's own object for it, joined by a `duplicate-of` from each."""

    key: str
    names: dict[str, str]
    ids: dict[str, str]


@dataclass(frozen=True, slots=True)
class Event:
    """An incident of the history. `shared` says that it was released to the other nation; `note` is their answer."""

    nation: str
    by: str
    hours_ago: int
    title: str
    text: str
    rsit: str
    severity: str
    handling: str
    systems: tuple[str, ...] = ()
    paste: str = ""
    shared: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Nation:
    """One national CERT of the cast."""

    code: str
    name: str
    language: str
    identity: str
    releaser: str
    people: tuple[Member, ...]
    agencies: tuple[str, ...]


MX = Nation(
    "mx",
    "CERT México",
    "es",
    "identity--3f9d6c1e-8a54-4f0b-9d2e-6b1c7a0e5d01",
    "ana",
    (
        Member("ana", "Ana Torres", ("responder", "releaser")),
        Member("luis", "Luis Méndez", ("responder",)),
        Member("sofia", "Sofía Ramos", ("responder", "releaser", "duty-officer")),
        Member("raul", "Raúl Ibarra", ("responder",), "Aduanas de México"),
        Member("elena", "Elena Cruz", ("administrator",)),
    ),
    ("Aduanas de México",),
)
US = Nation(
    "us",
    "CERT United States",
    "en",
    "identity--7c2b8e4a-1d63-4c9f-a7b8-2e5f90c3d602",
    "dan",
    (
        Member("grace", "Grace Miller", ("responder", "releaser")),
        Member("dan", "Daniel Ortiz", ("responder", "releaser", "duty-officer")),
        Member("kim", "Kim Nguyen", ("responder",)),
        Member("pat", "Pat Sullivan", ("responder",), "Ports Authority"),
        Member("lee", "Lee Carter", ("administrator",)),
    ),
    ("Ports Authority",),
)
NATIONS = {"mx": MX, "us": US}

SYSTEMS = (
    System(
        "otay",
        {"mx": "Carril de carga de la garita de Otay", "us": "Otay Mesa cargo lane"},
        {
            "mx": "infrastructure--a1f0c2d4-5b6e-4c7d-8e9f-0a1b2c3d4e01",
            "us": "infrastructure--b1e0d2c4-6a5f-4d7c-9f8e-1b0a3d2c5f01",
        },
    ),
    System(
        "customs",
        {"mx": "Ventanilla única de comercio exterior", "us": "Customs single window interface"},
        {
            "mx": "infrastructure--a1f0c2d4-5b6e-4c7d-8e9f-0a1b2c3d4e02",
            "us": "infrastructure--b1e0d2c4-6a5f-4d7c-9f8e-1b0a3d2c5f02",
        },
    ),
    System(
        "power",
        {"mx": "Interconector eléctrico Tijuana-San Diego", "us": "Tijuana-San Diego power interconnector"},
        {
            "mx": "infrastructure--a1f0c2d4-5b6e-4c7d-8e9f-0a1b2c3d4e03",
            "us": "infrastructure--b1e0d2c4-6a5f-4d7c-9f8e-1b0a3d2c5f03",
        },
    ),
    System(
        "water",
        {"mx": "Telemetría de la presa Falcón", "us": "Falcon Dam telemetry"},
        {
            "mx": "infrastructure--a1f0c2d4-5b6e-4c7d-8e9f-0a1b2c3d4e04",
            "us": "infrastructure--b1e0d2c4-6a5f-4d7c-9f8e-1b0a3d2c5f04",
        },
    ),
    System(
        "cable",
        {"mx": "Cable de fibra Tijuana-Chula Vista", "us": "Tijuana-Chula Vista fibre cable"},
        {
            "mx": "infrastructure--a1f0c2d4-5b6e-4c7d-8e9f-0a1b2c3d4e05",
            "us": "infrastructure--b1e0d2c4-6a5f-4d7c-9f8e-1b0a3d2c5f05",
        },
    ),
)

HISTORY = (
    Event(
        "us",
        "kim",
        400,
        "Scanning of the customs single window interface",
        "Sustained scanning of the public interface from a hosting network. No sign of entry; rate limits held.",
        'rsit:information-gathering="scanner"',
        "low",
        "green",
        ("customs",),
        "198.51.100.23\n198.51.100.24",
        shared=True,
        note="Vimos el mismo barrido desde 198.51.100.23 en nuestra ventanilla, sin acceso.",
    ),
    Event(
        "mx",
        "luis",
        310,
        "Phishing a agentes aduanales con facturas falsas",
        "Correos que imitan a la ventanilla única con un archivo ZIP. Tres agentes lo abrieron; equipos aislados.",
        'rsit:fraud="phishing"',
        "medium",
        "amber",
        ("customs",),
        "facturas-aduana[.]example\nhxxps://facturas-aduana[.]example/descarga.zip\nsoporte@facturas-aduana[.]example",
        shared=True,
        note="Two brokers on our side got the same mail. The domain is now blocked at the port.",
    ),
    Event(
        "mx",
        "sofia",
        190,
        "Interrupciones breves de telemetría en la presa Falcón",
        "La telemetría se detuvo cuatro veces durante la noche. Se sospecha del radioenlace; no hay intrusión.",
        'rsit:availability="outage"',
        "medium",
        "amber",
        ("water",),
        shared=True,
    ),
    Event(
        "us",
        "dan",
        120,
        "Failed sign-ins at a substation gateway of the interconnector",
        "Some 4,000 failed sign-ins in one hour at the remote access gateway. Accounts locked, no success seen.",
        'rsit:intrusion-attempts="brute-force"',
        "high",
        "amber",
        ("power",),
        "203.0.113.90\n203.0.113.91",
        shared=True,
    ),
    Event(
        "mx",
        "raul",
        72,
        "Credenciales de un proveedor de básculas en un foro",
        "Un proveedor del carril de carga avisó que sus credenciales de mantenimiento aparecieron en un foro.",
        'rsit:information-content-security="data-leak"',
        "high",
        "amber+strict",
        ("otay",),
    ),
    Event(
        "us",
        "grace",
        30,
        "Handheld readers at the Otay Mesa cargo lane lose their sessions",
        "Handheld readers drop off the network for minutes at a time. Each time, 203.0.113.7 had just connected to "
        "the reader gateway. Lane kept open by hand; 40 minutes of delay.",
        'rsit:availability="sabotage"',
        "high",
        "amber",
        ("otay",),
        "203.0.113.7\nreader-sync[.]example",
    ),
    Event(
        "mx",
        "sofia",
        20,
        "Investigación interna sobre accesos fuera de horario",
        "Accesos fuera de horario de un administrador propio. Solo para las personas nombradas.",
        'rsit:intrusions="privileged-account-compromise"',
        "critical",
        "red",
    ),
)
"""What happened before the newcomer arrived, oldest first. What he files in the tour touches the Otay Mesa lane."""
