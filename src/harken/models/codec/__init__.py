"""Sound as integers and back: residual vector quantisation, codecs trained here and elsewhere."""
