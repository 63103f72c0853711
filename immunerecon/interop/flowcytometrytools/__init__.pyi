from .gates import from_gates as from_gates, to_gates as to_gates
from .loading import load as load
from .measurements import (
    from_measurement as from_measurement,
    from_plate as from_plate,
    to_measurement as to_measurement,
    to_plate as to_plate,
)
from .studies import plate_to_study as plate_to_study
