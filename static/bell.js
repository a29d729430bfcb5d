/* The sound and the notification of a turn; page.js asks for it when somebody wants to be rung. */
export function ready() {
  const bell = new AudioContext();
  const ring = (title) => {
    [660, 880, 1100].forEach((pitch, index) => {
      const tone = bell.createOscillator(), start = bell.currentTime + index / 4;
      tone.frequency.value = pitch;
      tone.connect(bell.destination);
      tone.start(start);
      tone.stop(start + 0.2);
    });
    navigator.vibrate?.(400);
    // Browsers of phones refuse this; the sound does.
    try { if (title) new Notification(title); } catch { /* So be it. */ }
  };
  window.Notification?.requestPermission();
  // So that one knows it, and knows how loud it is.
  ring();
  return ring;
}
