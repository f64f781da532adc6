// A button that opens a small panel below it; Escape, or a click elsewhere, closes it.

import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { Icon, type IconName } from "../../parts/icon";

export interface MenuProps {
  label: string;
  icon?: IconName;
  /** Of its right edge rather than its left one. */
  atEnd?: boolean;
  children: (close: () => void) => ComponentChildren;
}

export function Menu({ label, icon, atEnd, children }: MenuProps) {
  const [isOpen, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();
  useEffect(() => {
    if (!isOpen) return;
    const elsewhere = (event: Event) => {
      if (event.target instanceof Node && !box.current?.contains(event.target)) setOpen(false);
    };
    document.addEventListener("pointerdown", elsewhere);
    document.addEventListener("focusin", elsewhere);
    return () => {
      document.removeEventListener("pointerdown", elsewhere);
      document.removeEventListener("focusin", elsewhere);
    };
  }, [isOpen]);
  const close = () => {
    setOpen(false);
    button.current?.focus();
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Escape is pressed in what stands in it
    <div class="menu" ref={box} onKeyDown={(event) => event.key === "Escape" && isOpen && close()}>
      <button
        ref={button}
        type="button"
        aria-expanded={isOpen}
        aria-controls={id}
        onClick={() => setOpen(!isOpen)}
      >
        {icon && <Icon name={icon} />}
        {label}
        <Icon name="chevron" />
      </button>
      <div id={id} class={`menu-panel ${atEnd ? "menu-end" : ""}`} hidden={!isOpen}>
        {isOpen && children(close)}
      </div>
    </div>
  );
}
