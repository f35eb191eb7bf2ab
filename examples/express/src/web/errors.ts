/** Answers with a page and a status; the messages are for whoever sent the request. */
export class WebError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export class NotFound extends WebError {
  constructor() {
    super(404, 'There is no such page.');
  }
}

export class Forbidden extends WebError {
  constructor() {
    super(403, 'You may not do this.');
  }
}

export class RefusedForm extends WebError {
  constructor() {
    super(403, 'This form is out of date. Go back, reload the page, and try again.');
  }
}

export class TooManyRequests extends WebError {
  readonly retryAfterSeconds: number;

  constructor(retryAfterSeconds: number) {
    super(429, 'There were too many attempts. Try again later.');
    this.retryAfterSeconds = retryAfterSeconds;
  }
}
