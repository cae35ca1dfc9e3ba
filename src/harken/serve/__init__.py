"""harken's models behind OpenAI's chat completions (`harken serve`)."""
