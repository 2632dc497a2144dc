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

const SANS = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif';

export const theme = createTheme({
  colors: { water },
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
