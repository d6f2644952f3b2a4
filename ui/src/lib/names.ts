/* Names the wizard proposes. */

/* web.clicks → web-clicks-to-warehouse is long; the flow is named like its topic. Flow names are [a-z0-9._-]. */
export function flowName(topic: string): string {
  return topic
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[._-]+|[._-]+$/g, '')
    .slice(0, 200);
}

/* web.clicks → events.web_clicks */
export function tableName(topic: string): string {
  let name = topic
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '');
  if (!/^[a-z_]/.test(name)) name = `t_${name}`;
  return topic === '' ? '' : `events.${name}`;
}

/* A table name as it must stand in SQL: parts that are not plain identifiers in double quotes. */
export function sqlTable(name: string): string {
  const dot = name.indexOf('.');
  const parts = dot < 0 ? [name] : [name.slice(0, dot), name.slice(dot + 1)];
  return parts.map((part) => (/^[a-z_][a-z0-9_]*$/.test(part) ? part : `"${part.replaceAll('"', '""')}"`)).join('.');
}

export function newestRowsSql(table: string): string {
  return `select * from ${sqlTable(table)}\norder by event_ts desc\nlimit 100`;
}
