"""A model of the user's in place of the effects: a function, a class, or an instance of one."""
