"""A server of OpenAI's chat completions for harken's models (`harken serve`)."""
