"""The trial's other outcomes: dose escalation, toxicity, response, product release."""
