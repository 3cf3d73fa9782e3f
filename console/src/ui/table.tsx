import { type ReactNode, useEffect, useRef, useState } from 'react';

export type Column<Row> = {
  readonly title: string;
  readonly cell: (row: Row) => ReactNode;
  /** `number`: in one line, digits of one width; `figure`: a quantity, whose ends stand below each other. */
  readonly className?: 'number' | 'figure';
};

type TableProps<Row> = {
  readonly label: string;
  readonly rows: readonly Row[];
  readonly columns: readonly Column<Row>[];
  readonly keyOf: (row: Row) => string;
  /** The end of the rows comes into sight: there may be more. */
  readonly onEnd?: () => void;
};

/** Rows above and below the screen that are there already when they are scrolled to. */
const spare = 12;
/** From here on only the rows on the screen exist. */
const many = 150;

/** Which rows are on the screen, by the height that the rows on it have. */
const useWindow = (count: number) => {
  const body = useRef<HTMLTableSectionElement>(null);
  const [range, setRange] = useState({ from: 0, to: Math.min(count, 60), height: 50 });
  useEffect(() => {
    if (count <= many) return;
    const look = (): void => {
      const element = body.current;
      if (element === null) return;
      const shown = element.querySelectorAll<HTMLTableRowElement>('tr[data-row]');
      const first = shown[0]?.getBoundingClientRect();
      const last = shown[shown.length - 1]?.getBoundingClientRect();
      const height =
        first === undefined || last === undefined ? 50 : Math.max(20, (last.bottom - first.top) / shown.length);
      const above = Math.max(0, -element.getBoundingClientRect().top);
      const from = Math.max(0, Math.min(count, Math.floor(above / height)) - spare);
      const to = Math.min(count, from + Math.ceil(window.innerHeight / height) + 2 * spare);
      setRange((before) => (before.from === from && before.to === to ? before : { from, to, height }));
    };
    look();
    window.addEventListener('scroll', look, { passive: true });
    window.addEventListener('resize', look);
    return () => {
      window.removeEventListener('scroll', look);
      window.removeEventListener('resize', look);
    };
  }, [count]);
  return count <= many ? { body, from: 0, to: count, height: 0 } : { body, ...range, to: Math.min(count, range.to) };
};

const Space = ({ rows, height, columns }: { rows: number; height: number; columns: number }) =>
  rows <= 0 ? null : (
    <tr>
      <td colSpan={columns} height={rows * height} />
    </tr>
  );

/** Tells once when the end of a table comes near the screen. */
const End = ({ onSight }: { onSight: () => void }) => {
  const element = useRef<HTMLDivElement>(null);
  const latest = useRef(onSight);
  latest.current = onSight;
  useEffect(() => {
    if (element.current === null) return;
    const watcher = new IntersectionObserver(
      (seen) => {
        if (seen.some(({ isIntersecting }) => isIntersecting)) latest.current();
      },
      { rootMargin: '900px' },
    );
    watcher.observe(element.current);
    return () => watcher.disconnect();
  }, []);
  return <div ref={element} />;
};

/** A table; on a phone each row is a card. Long ones hold only what is on the screen. */
export const Table = <Row,>({ label, rows, columns, keyOf, onEnd }: TableProps<Row>) => {
  const { body, from, to, height } = useWindow(rows.length);
  return (
    <>
      <div className="table-frame">
        <table className="as-cards" aria-label={label} aria-rowcount={rows.length + 1}>
          <thead>
            <tr>
              {columns.map(({ title, className }) => (
                <th key={title} scope="col" className={className === 'figure' ? className : undefined}>
                  {title === 'Actions' ? <span className="visually-hidden">{title}</span> : title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody ref={body}>
            <Space rows={from} height={height} columns={columns.length} />
            {rows.slice(from, to).map((row) => (
              <tr key={keyOf(row)} data-row={keyOf(row)}>
                {columns.map(({ title, cell, className }) => (
                  <td
                    key={title}
                    className={title === 'Actions' ? 'actions' : className}
                    data-label={title === 'Actions' ? undefined : title}
                  >
                    {cell(row)}
                  </td>
                ))}
              </tr>
            ))}
            <Space rows={rows.length - to} height={height} columns={columns.length} />
          </tbody>
        </table>
      </div>
      {/* Outside of the frame, which clips: from 524,288 pixels on a browser rounds its end to another place than this one's. */}
      {onEnd !== undefined && <End onSight={onEnd} key={rows.length} />}
    </>
  );
};
