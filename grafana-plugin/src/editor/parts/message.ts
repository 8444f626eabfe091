/** The words of an error, with the backend's hint where it has one. */
export function messageOf(error: unknown): string {
  if (typeof error === 'string' && error) {
    return error;
  }
  const { data, message, statusText } = (error ?? {}) as {
    data?: { message?: string; hint?: string };
    message?: string;
    statusText?: string;
  };
  const said = data?.message || message || statusText || 'The server gave no reason.';
  return data?.hint ? `${said} ${data.hint}` : said;
}
