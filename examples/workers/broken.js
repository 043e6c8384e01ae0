// A module that throws while it loads.

throw new Error('the model file is missing')
