"""Controls made of unusual numbers; what they do on the page stands in tests/live."""

import numpy as np
import pytest

from helpers.controls import float_slider, int_slider, powers_of_two
from helpers.errors import LessonError


@pytest.mark.fault("one sentence")
@pytest.mark.parametrize("make", [float_slider, int_slider])
def test_a_slider_upside_down_is_told_so(make):
    with pytest.raises(LessonError, match="goes from low to high, but 1 is not below 0"):
        make(1, 0, 1)


def test_numpys_whole_numbers_become_pythons():
    powers, whole = powers_of_two(np.int64(1), np.int64(8), np.int64(4)), int_slider(np.int64(1), 5, np.int64(3))
    assert powers.options == (1, 2, 4, 8) and whole.options == (1, 2, 3, 4, 5)
    assert {type(option) for option in (*powers.options, *whole.options)} == {int}
