/** The look, where it is not plain CSS. */
import { createTheme, type MantineColorsTuple } from "@mantine/core";

const water: MantineColorsTuple = [
  "#e6f6f7",
  "#cdecee",
  "#9dd9dd",
  "#69c4cb",
  "#45b2bb",
  "#249aa4",
  "#137a84",
  "#0d626b",
  "#0a4c54",
  "#06373d",
];

/** Greys with the water's hue, so that fields and menus belong to the page behind them. */
const dark: MantineColorsTuple = [
  "#d5dbe1",
  "#b4bec8",
  "#8d99a4",
  "#6c7884",
  "#3b464e",
  "#2c363d",
  "#1d252b",
  "#171d22",
  "#12171b",
  "#0c1013",
];

/** White on its filled shades has enough contrast (WCAG AA). */
const red: MantineColorsTuple = [
  "#fff1f0",
  "#ffe0de",
  "#ffbdb9",
  "#ff9d95",
  "#f7726a",
  "#e8483f",
  "#cc3028",
  "#b3261e",
  "#8f1c16",
  "#6d1410",
];

const SANS = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif';

export const theme = createTheme({
  colors: { water, dark, red },
  primaryColor: "water",
  primaryShade: { light: 7, dark: 6 },
  fontFamily: SANS,
  fontFamilyMonospace: 'ui-monospace, "SF Mono", "Cascadia Code", Menlo, "DejaVu Sans Mono", monospace',
  headings: { fontFamily: SANS, fontWeight: "650" },
  defaultRadius: "md",
  cursorType: "pointer",
  respectReducedMotion: true,
  components: {
    // A cross alone has no name.
    Modal: { defaultProps: { closeButtonProps: { "aria-label": "Close" } } },
  },
});
