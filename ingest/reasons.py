"""Classes of the reasons why a message goes to quarantine, or stays there: few, to be counted."""

import re

UNDECODABLE = "undecodable"
KINDS = {  # the first that is found names the class of a reason
    UNDECODABLE: r"^no Sparkplug payload",
    "not_taken": r": plain values are taken, these are not$",
    "no_birth": r" is in no birth",
    "impossible_time": r"time -?\d+ ms is impossible",
    "wrong_type": r" was declared| is no [A-Za-z]| does not fit | no UTF-8| with NUL "
    r"| gives no value$",
    "protocol": r"out of order$|^an NBIRTH w|no outbox/record|live node's| longer than \d+ "
    r"|^an NDEATH with bdSeq |^more than \d+ |^one more node ",
}
NEVER_AGAIN = (UNDECODABLE, "impossible_time")  # nothing that anybody mends changes these
OTHER = "other"


def kind_of(reason: str) -> str:
    """The class of a reason, one of a few: for filters and counters."""
    return next((kind for kind, told in KINDS.items() if re.search(told, reason)), OTHER)


OBSTACLES = {  # why a message that was handed in again stays
    "gone": r"^no such message|took it out already",
    "cut": r"^only its first bytes",
    "outdated": r"^a birth or death ",
    "no_node": r"^no birth of node ",
    "unacknowledged": r"^record \d+ is not acknowledged",
    "born_again": r"^its node was born again",
    "empty": r"^nothing in it is a reading",
}
FAULTY = "faulty"  # it is refused for what it says, as before


def obstacle_of(reason: str) -> str:
    """The class of a reason to stay, one of a few: for words in people's languages."""
    return next((kind for kind, told in OBSTACLES.items() if re.search(told, reason)), FAULTY)
