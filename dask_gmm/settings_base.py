"""What all settings share."""

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator


class Settings(BaseModel):
    """What all settings share: frozen, no unknown keys, documented fields."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        validate_default=True,
        allow_inf_nan=False,
    )

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_as_a_number(cls, value: object, info: ValidationInfo) -> object:
        """Refuse YAML's ``yes`` where a number is wanted, instead of taking it for 1."""
        field = cls.model_fields[str(info.field_name)]
        if isinstance(value, bool) and field.annotation is not bool:
            raise ValueError(f"wanted another kind of value, found {value}")
        return value
