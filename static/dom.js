// The few things that are done to the document everywhere. Text only ever becomes text.

export const find = (selector, root = document) => root.querySelector(selector);

/** Makes an element with properties, and attributes where no property has that name. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** Whether the keyboard is one on glass, where Enter belongs to the text. */
export const isTouch = () => matchMedia('(hover: none) and (pointer: coarse)').matches;

/** Whether a key press belongs to an input method that is composing (229: browsers that end it too early). */
export const isComposing = (event) => event.isComposing || event.keyCode === 229;
