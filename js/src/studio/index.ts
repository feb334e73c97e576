/** What a view has beyond picture, prompt and Stop: a piece of its own, which fills the seats kept. */

export {};
