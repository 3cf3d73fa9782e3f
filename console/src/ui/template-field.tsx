import { type KeyboardEvent, type ReactNode, useId, useRef, useState } from 'react';

type Props = {
  readonly label: string;
  readonly value: string;
  readonly onValue: (value: string) => void;
  /** What may stand in braces. */
  readonly attributes: readonly string[];
  readonly hint?: ReactNode;
  readonly placeholder?: string;
  /** More than one: a field of several lines. */
  readonly rows?: number;
};

/** The reference that is being written before the caret, without its brace; null when there is none. */
export const openReference = (text: string, caret: number): string | null =>
  /\{([\w.[\]'-]*)$/.exec(text.slice(0, caret))?.[1] ?? null;

/** A text in which attributes stand in braces: offers them from the brace on (combobox of the ARIA practices). */
export const TemplateField = ({ label, value, onValue, attributes, hint, placeholder, rows = 1 }: Props) => {
  const id = useId();
  const input = useRef<HTMLInputElement & HTMLTextAreaElement>(null);
  const [written, setWritten] = useState<string | null>(null);
  const [active, setActive] = useState(0);
  const fits =
    written === null ? [] : attributes.filter((each) => each.toLowerCase().includes(written.toLowerCase())).slice(0, 8);
  const open = fits.length > 0;
  const look = (): void => {
    const element = input.current;
    setWritten(element === null ? null : openReference(element.value, element.selectionStart ?? 0));
    setActive(0);
  };
  const accept = (attribute: string): void => {
    const caret = input.current?.selectionStart ?? value.length;
    const from = caret - (written?.length ?? 0);
    const rest = value.slice(caret).replace(/^\}/, '');
    onValue(`${value.slice(0, from)}${attribute}}${rest}`);
    setWritten(null);
    const after = from + attribute.length + 1;
    requestAnimationFrame(() => {
      input.current?.focus();
      input.current?.setSelectionRange(after, after);
    });
  };
  const keys = (event: KeyboardEvent): void => {
    if (!open) return;
    const chosen = fits[active];
    if (event.key === 'ArrowDown') setActive((active + 1) % fits.length);
    else if (event.key === 'ArrowUp') setActive((active + fits.length - 1) % fits.length);
    else if ((event.key === 'Enter' || event.key === 'Tab') && chosen !== undefined) accept(chosen);
    else if (event.key === 'Escape') setWritten(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const shared = {
    id,
    ref: input,
    value,
    placeholder,
    spellCheck: false,
    autoComplete: 'off',
    'aria-controls': `${id}-list`,
    'aria-autocomplete': 'list',
    'aria-activedescendant': open ? `${id}-${active}` : undefined,
    'aria-describedby': hint === undefined ? undefined : `${id}-hint`,
    onChange: (event: { target: { value: string } }) => {
      onValue(event.target.value);
      look();
    },
    onKeyDown: keys,
    onClick: look,
    onBlur: () => setWritten(null),
  } as const;
  return (
    <div className="field completing">
      <label htmlFor={id}>{label}</label>
      {rows > 1 ? <textarea rows={rows} {...shared} /> : <input role="combobox" aria-expanded={open} {...shared} />}
      <div className="options" role="listbox" id={`${id}-list`} aria-label={`Attributes for ${label}`} hidden={!open}>
        {fits.map((attribute, index) => (
          <button
            key={attribute}
            type="button"
            tabIndex={-1}
            role="option"
            id={`${id}-${index}`}
            aria-selected={index === active}
            // Before the field loses the focus, and with it the list.
            onMouseDown={(event) => {
              event.preventDefault();
              accept(attribute);
            }}
          >
            {`{${attribute}}`}
          </button>
        ))}
      </div>
      {hint !== undefined && (
        <span className="hint" id={`${id}-hint`}>
          {hint}
        </span>
      )}
    </div>
  );
};
