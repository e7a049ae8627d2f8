"""How times are written, on pages and at the desk: with the zone that they are in."""

DATETIME_FORMAT = "j F Y, H:i T"
SHORT_DATETIME_FORMAT = DATETIME_FORMAT
