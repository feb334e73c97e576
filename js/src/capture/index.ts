/** The camera and what is done to its picture before it is sent: a piece of its own. */

export {};
