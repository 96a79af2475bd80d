// One line an event on standard output, which Node writes at once to pipes and files.

export const log = (line) => console.log(`${new Date().toISOString()} ${line}`);
