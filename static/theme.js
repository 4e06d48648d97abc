// Loaded before anything is painted, so that a chosen theme does not flash.
try {
  const { theme } = JSON.parse(localStorage.getItem('passerby.settings'));
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // Nothing chosen: as the system has it.
}
