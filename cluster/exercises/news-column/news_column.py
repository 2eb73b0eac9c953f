def column(text, width):
    pass
