"""The words of the made-up MSP: its members, boards, products and screens."""

OWNER = "zadmin"
MEMBERS = (
    ("zadmin", "Zoe", "Admin", "A"),
    ("jdoe", "Jane", "Doe", "F"),
    ("mbrown", "Max", "Brown", "F"),
    ("asmith", "Anna", "Smith", "F"),
    ("oldhand", "Otto", "Hand", "F"),
    ("BridgeheadAPI", "Bridgehead", "API", "X"),
)
API_MEMBER = "BridgeheadAPI"
BOARDS = ("Help Desk", "Security Alerts", "Projects")
STATUSES = (
    ("New", False),
    ("In Progress", False),
    ("Waiting Client Response", False),
    ("Completed", True),
    (">Closed", True),
)
TYPES = ("Incident", "Service Request", "Security")
PRIORITIES = (
    ("Priority 1 - Critical", "Red", "Critical"),
    ("Priority 2 - High", "Orange", "High"),
    ("Priority 3 - Normal Response", "Yellow", "Medium"),
    ("Priority 4 - Scheduled", "White", "Low"),
)
PRODUCTS = (
    ("KES-CLOUD-WS", "Kaspersky Endpoint Security Cloud - workstation", 3.2, 1.9),
    ("KES-CLOUD-SRV", "Kaspersky Endpoint Security Cloud - server", 6.5, 4.1),
    ("KES-CLOUD-OTHER", "Kaspersky Endpoint Security Cloud - other device", 2.4, 1.2),
    ("ESET-PROTECT-EP", "ESET PROTECT Entry - endpoint", 2.9, 1.6),
    ("ESET-PROTECT-SRV", "ESET PROTECT Entry - server", 5.9, 3.8),
    ("BACKUP-SRV", "Server backup, 1 TB", 49.0, 31.0),
    ("OLD-AV", "Legacy antivirus (no longer sold)", 1.5, 0.9),
)
DEVICE_FIELDS = ("Managed by", "Protection state")
"""The custom fields that this MSP made for its configurations."""
SCREENS = (("company", "Company"), ("contact", "Contact"), ("ticket", "Service Ticket"))
