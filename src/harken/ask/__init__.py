"""From items under conditions to scored records: prompts, requests, replies, scores."""
