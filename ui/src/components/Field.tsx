import { useId } from 'react';
import type { ReactNode } from 'react';
import type { FieldError } from '../api/client';
import css from './Field.module.css';
import { Icon } from './icons';

function Errors({ id, errors }: { id: string; errors: FieldError[] }) {
  return (
    <div id={id} className={css.errors}>
      {errors.map((e) => (
        <p key={e.code + e.detail}>
          <Icon name="warn" />
          <span>
            {e.detail} {e.hint}
            {e.allowed && e.allowed.length > 0 && !e.hint && ` Possible: ${e.allowed.slice(0, 8).join(', ')}.`}
          </span>
        </p>
      ))}
    </div>
  );
}

export function TextField({ name, label, help, value, errors, optional, options, mono, onChange, onBlur }: {
  name: string;
  label: string;
  help?: ReactNode;
  value: string;
  errors: FieldError[];
  optional?: boolean;
  options?: string[];
  mono?: boolean;
  onChange: (value: string) => void;
  onBlur?: () => void;
}) {
  const id = useId();
  const described = [help && `${id}-help`, errors.length > 0 && `${id}-errors`].filter(Boolean).join(' ');
  return (
    <div className={css.field}>
      <label htmlFor={id}>
        {label}
        {optional && <span className={css.optional}> optional</span>}
      </label>
      {help && (
        <p className={css.help} id={`${id}-help`}>
          {help}
        </p>
      )}
      <input
        id={id}
        name={name}
        className={css.input}
        data-mono={mono}
        value={value}
        list={options ? `${id}-options` : undefined}
        required={!optional}
        aria-invalid={errors.length > 0}
        aria-describedby={described || undefined}
        spellCheck={false}
        autoComplete="off"
        autoCapitalize="off"
        onChange={(event) => onChange(event.target.value)}
        onBlur={onBlur}
      />
      {options && (
        <datalist id={`${id}-options`}>
          {options.map((o) => (
            <option key={o} value={o} />
          ))}
        </datalist>
      )}
      {errors.length > 0 && <Errors id={`${id}-errors`} errors={errors} />}
    </div>
  );
}

export function Choice<T extends string>({ name, label, value, options, errors, onChange }: {
  name: string;
  label: string;
  value: T;
  options: { value: T; label: string; help: string }[];
  errors: FieldError[];
  onChange: (value: T) => void;
}) {
  const id = useId();
  return (
    <fieldset className={css.field} aria-describedby={errors.length > 0 ? `${id}-errors` : undefined}>
      <legend>{label}</legend>
      <div className={css.choices}>
        {options.map((o) => (
          <label key={o.value} className={css.choice}>
            <input
              type="radio"
              name={name}
              value={o.value}
              checked={o.value === value}
              data-invalid={errors.length > 0}
              aria-describedby={`${id}-${o.value}`}
              aria-label={o.label}
              onChange={() => onChange(o.value)}
            />
            <span>
              <strong>{o.label}</strong>
              <small id={`${id}-${o.value}`}>{o.help}</small>
            </span>
          </label>
        ))}
      </div>
      {errors.length > 0 && <Errors id={`${id}-errors`} errors={errors} />}
    </fieldset>
  );
}
