"""Reasons: why parts are scrap, why a press stood."""
