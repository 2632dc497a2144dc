/** Light, dark, or as the system has it; kept by this browser. */
import { SegmentedControl, useMantineColorScheme, type MantineColorScheme } from "@mantine/core";

import { Section } from "../../ui/section";

export function Appearance() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Section title="Appearance" lead="Kept by this browser.">
      <div>
        <SegmentedControl
          aria-label="Colours"
          value={colorScheme}
          onChange={(value) => setColorScheme(value as MantineColorScheme)}
          data={[
            { value: "light", label: "Light" },
            { value: "dark", label: "Dark" },
            { value: "auto", label: "As the system" },
          ]}
        />
      </div>
    </Section>
  );
}
