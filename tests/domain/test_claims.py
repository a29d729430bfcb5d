"""What a claim form may say."""

from __future__ import annotations

import pytest

from app.domain.claims import check_form
from app.domain.errors import AddressDiffers, Invalid

GOOD = {
    "name": "Ada Obi",
    "email": "ada@example.com",
    "phone": "+234 803 123 4567",
    "quantity": "2",
}


def check(**changes: str):
    return check_form(GOOD | changes, max_per_fan=4, proven_email="ada@example.com")


def test_a_good_form_is_read():
    form = check(name="  Ada   Obi ", email=" Ada@Example.com ")
    assert (form.name, form.email, form.quantity) == ("Ada Obi", "ada@example.com", 2)


@pytest.mark.parametrize("quantity", ["0", "-1", "5", "99", "abc", "", "1.5", "²", "9" * 5000])
def test_a_quantity_that_is_none_of_one_to_four_is_refused(quantity):
    with pytest.raises(Invalid) as refusal:
        check(quantity=quantity)
    assert list(refusal.value.fields) == ["quantity"]
    assert "1 to 4" in refusal.value.fields["quantity"]


def test_every_wrong_field_is_named_at_once():
    with pytest.raises(Invalid) as refusal:
        check(name=" ", phone="call me", quantity="x")
    assert set(refusal.value.fields) == {"name", "phone", "quantity"}


def test_a_name_with_control_characters_is_refused():
    with pytest.raises(Invalid):
        check(name="Ada\x00Obi")


def test_another_address_than_the_proven_one_is_refused_by_name():
    with pytest.raises(AddressDiffers) as refusal:
        check(email="eve@example.com")
    assert "ada@example.com" in refusal.value.fields["email"]


def test_the_phone_may_be_left_out_and_so_may_the_address():
    form = check(phone="", email="")
    assert (form.phone, form.email) == ("", "ada@example.com")
