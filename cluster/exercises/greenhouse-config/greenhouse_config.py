def load(text):
    pass
