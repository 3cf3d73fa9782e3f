import { type FormEvent, type InputHTMLAttributes, type ReactNode, useEffect, useId, useRef } from 'react';
import { Button, Failure } from './elements.js';

type Labelled = { readonly label: string; readonly hint?: ReactNode };
type Changed = { readonly value: string; readonly onValue: (value: string) => void };

type FieldProps = Labelled & Changed & Omit<InputHTMLAttributes<HTMLInputElement>, 'value' | 'onChange' | 'id'>;

export const Field = ({ label, hint, onValue, ...rest }: FieldProps) => {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => onValue(event.target.value)}
        {...rest}
      />
      {hint !== undefined && (
        <span className="hint" id={`${id}-hint`}>
          {hint}
        </span>
      )}
    </div>
  );
};

export const Area = ({ label, hint, value, onValue, rows = 5 }: Labelled & Changed & { readonly rows?: number }) => {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <textarea
        id={id}
        rows={rows}
        value={value}
        spellCheck={false}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        onChange={(event) => onValue(event.target.value)}
      />
      {hint !== undefined && (
        <span className="hint" id={`${id}-hint`}>
          {hint}
        </span>
      )}
    </div>
  );
};

type SelectProps = Labelled & Changed & { readonly options: readonly (readonly [string, string])[] };

export const Select = ({ label, hint, value, onValue, options }: SelectProps) => {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => onValue(event.target.value)}>
        {options.map(([key, text]) => (
          <option key={key} value={key}>
            {text}
          </option>
        ))}
      </select>
      {hint !== undefined && <span className="hint">{hint}</span>}
    </div>
  );
};

export const Check = ({
  label,
  checked,
  onValue,
}: {
  label: string;
  checked: boolean;
  onValue: (value: boolean) => void;
}) => {
  const id = useId();
  return (
    <div className="check">
      <input id={id} type="checkbox" checked={checked} onChange={(event) => onValue(event.target.checked)} />
      <label htmlFor={id}>{label}</label>
    </div>
  );
};

type DialogProps = {
  readonly title: string;
  readonly onClose: () => void;
  readonly wide?: boolean;
  readonly children: ReactNode;
};

/** A dialog with a form begins at its first field. */
const focusFirst = (within: HTMLElement | null): void =>
  within?.querySelector<HTMLElement>(':is(input, select, textarea):not([readonly])')?.focus();

/** A modal dialog: the browser keeps the focus in it and closes it with Escape. */
export const Dialog = ({ title, onClose, wide, children }: DialogProps) => {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    if (dialog.current?.open === false) dialog.current.showModal();
    // The browser takes the first thing there is, which closes it again.
    focusFirst(dialog.current);
    // It leaves the page with its closing: the browser then forgets where the keyboard was.
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
    };
  }, []);
  return (
    <dialog ref={dialog} className={wide ? 'wide' : ''} aria-labelledby={id} onClose={onClose}>
      <div className="stack">
        <div className="dialog-head">
          <h2 id={id} className="break">
            {title}
          </h2>
          <Button look="plain" small onClick={onClose} aria-label="Close">
            ✕
          </Button>
        </div>
        {children}
      </div>
    </dialog>
  );
};

type FormProps = {
  readonly onSubmit: () => void;
  readonly submit: string;
  readonly look?: 'primary' | 'danger';
  readonly busy: boolean;
  readonly error: unknown;
  readonly onCancel?: () => void;
  /** What else can be done, at the other end of the row of buttons. */
  readonly aside?: ReactNode;
  readonly children: ReactNode;
};

export const Form = ({ onSubmit, submit, look = 'primary', busy, error, onCancel, aside, children }: FormProps) => {
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    // It may come after its dialog, when that had to read something first.
    if (form.current?.closest('dialog[open]') != null) focusFirst(form.current);
  }, []);
  const send = (event: FormEvent): void => {
    event.preventDefault();
    onSubmit();
  };
  return (
    <form className="stack" onSubmit={send} ref={form}>
      {children}
      <Failure error={error} />
      <div className="row">
        {aside}
        <div className="row end grow">
          {onCancel !== undefined && <Button onClick={onCancel}>Cancel</Button>}
          <Button type="submit" look={look} disabled={busy}>
            {submit}
          </Button>
        </div>
      </div>
    </form>
  );
};

type ConfirmProps = {
  readonly title: string;
  readonly submit: string;
  readonly busy: boolean;
  readonly error: unknown;
  readonly onConfirm: () => void;
  readonly onClose: () => void;
  readonly children: ReactNode;
};

/** Asks before something that cannot be taken back. */
export const Confirm = ({ title, submit, busy, error, onConfirm, onClose, children }: ConfirmProps) => (
  <Dialog title={title} onClose={onClose}>
    <Form onSubmit={onConfirm} submit={submit} look="danger" busy={busy} error={error} onCancel={onClose}>
      <p>{children}</p>
    </Form>
  </Dialog>
);
