"""The settings of language models and of what they may cost; `bot.settings` joins them with the others."""

from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings

from core.budget import Budget, Price


class ModelSettings(BaseSettings):
    """What an owner can set of the language model. Without a key and without an address there is none."""

    openai_api_key: str = Field("", description="key of OpenAI or a compatible server")
    openai_base_url: str = Field("", description="address of a compatible server")
    openai_model: str = Field("", description="the model's name; needed with a key")
    openai_api: Literal["responses", "chat", ""] = Field(
        "", description="which API to speak; chat with OPENAI_BASE_URL"
    )
    azure_openai_endpoint: str = Field("", description="address of an Azure OpenAI resource")
    azure_openai_api_key: str = Field("", description="its key")
    azure_openai_deployment: str = Field("", description="the deployment that answers")
    model_sees_pictures: bool = Field(False, description="show customers' pictures to the model, which must see")
    model_seconds: float = Field(20, gt=0, le=60, description="longest time to the model's first word")
    model_pause_seconds: float = Field(
        30, ge=0, le=600, description="how long a model is left alone after three failures in a row; 0: never"
    )
    memory_tokens: int = Field(
        6_000, ge=500, description="tokens of a conversation that a model reads; what was before is summed up"
    )
    model_price: str = Field("", description="what a million tokens cost, read and written: 0.25,2")
    fallback_model: str = Field("", description="the model that answers while the first one fails")
    fallback_base_url: str = Field("", description="its server, if it is another one")
    fallback_api_key: str = Field("", description="its key, if it is another one")
    fallback_api: Literal["responses", "chat", ""] = Field(
        "", description="which API it speaks; chat with FALLBACK_BASE_URL"
    )
    fallback_price: str = Field("", description="what a million of its tokens cost, read and written")
    budget_conversation_tokens: int = Field(0, ge=0, description="tokens a day for one conversation; 0: no limit")
    budget_day_tokens: int = Field(0, ge=0, description="tokens a day for all; 0: no limit")
    budget_day_cost: float = Field(0, ge=0, description="cost a day, by MODEL_PRICE; 0: no limit")
    budget_then: Literal["quote", "people"] = Field(
        "quote", description="what follows when a budget is used up: quote the knowledge base, or people answer"
    )

    @field_validator("openai_base_url", "azure_openai_endpoint", "fallback_base_url")
    @classmethod
    def _model_address(cls, value: str) -> str:
        if value and (urlsplit(value).scheme not in {"http", "https"} or not urlsplit(value).hostname):
            raise ValueError("give a whole address, for example https://models.example.com/v1")
        return value.rstrip("/")

    @field_validator("model_price", "fallback_price")
    @classmethod
    def _price(cls, value: str) -> str:
        Price.parse(value)
        return value

    @model_validator(mode="after")
    def _model_is_whole(self) -> "ModelSettings":
        if (self.openai_api_key or self.openai_base_url) and not self.openai_model and not self.azure_openai_endpoint:
            raise ValueError("OPENAI_MODEL: name the model, for example OPENAI_MODEL=gpt-5-mini")
        azure = (self.azure_openai_endpoint, self.azure_openai_api_key, self.azure_openai_deployment)
        if any(azure) and not all(azure):
            raise ValueError(
                "Azure OpenAI needs all three: AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_API_KEY, AZURE_OPENAI_DEPLOYMENT"
            )
        if self.fallback_model and not self.has_model:
            raise ValueError("FALLBACK_MODEL stands by for another model: set OPENAI_MODEL and OPENAI_API_KEY, too")
        if self.fallback_model and self.azure_openai_endpoint and not self.fallback_api_key:
            raise ValueError("FALLBACK_API_KEY: Azure's key is of no use elsewhere")
        if self.budget_day_cost and not self.model_price:
            raise ValueError("BUDGET_DAY_COST needs MODEL_PRICE, for example MODEL_PRICE=0.25,2")
        return self

    @property
    def has_model(self) -> bool:
        """Whether a language model is configured."""
        return bool(self.openai_api_key or self.openai_base_url or self.azure_openai_endpoint)

    @property
    def budget(self) -> Budget:
        """What the language models may use in a day."""
        return Budget(self.budget_conversation_tokens, self.budget_day_tokens, self.budget_day_cost)
