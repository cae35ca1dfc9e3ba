"""What can be asked and, some of them, trained.

`base` is all that the packages above need to know; `load` builds a model by name. `composed` joins
an audio encoder, a projector and a language model; `native` opens classes of transformers; `engine`
computes for both; `http` asks servers; `listeners` write down what they hear; `text_only` never
listen.
"""
