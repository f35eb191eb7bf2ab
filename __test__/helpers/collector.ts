export interface Line {
  level: string;
  message: string;
  fields: Record<string, unknown>;
}

/** A logger whose methods need their `this`, as pino's do. */
export class Collector {
  lines: Line[] = [];
  debug(message: string, fields: Record<string, unknown>) {
    this.add('debug', message, fields);
  }
  info(message: string, fields: Record<string, unknown>) {
    this.add('info', message, fields);
  }
  warn(message: string, fields: Record<string, unknown>) {
    this.add('warn', message, fields);
  }
  error(message: string, fields: Record<string, unknown>) {
    this.add('error', message, fields);
  }
  take(message?: string): Line[] {
    return this.lines.splice(0).filter((line) => message === undefined || line.message === message);
  }
  private add(level: string, message: string, fields: Record<string, unknown>) {
    this.lines.push({ level, message, fields });
  }
}
