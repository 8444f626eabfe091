// Jest setup provided by Grafana scaffolding
import './.config/jest-setup';

// Menus are as wide as their text; nothing is drawn here.
HTMLCanvasElement.prototype.getContext = () => ({ measureText: (text) => ({ width: 8 * text.length }) });
