// Some phones lay the keyboard over the page instead of making it smaller; then the page makes itself smaller.

const view = window.visualViewport;

function fit() {
  const covered = window.innerHeight - view.height;
  const style = document.documentElement.style;
  // Pinching makes the view smaller, too, but is no keyboard.
  if (covered > 120 && view.scale < 1.05) style.setProperty('--height', `${view.height}px`);
  else style.removeProperty('--height');
}

view?.addEventListener('resize', fit);
