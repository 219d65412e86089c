// Improves the page: copying, a test crash at a press, and news without loading it again. All of it also works
// without.

const quick = 2000; // ms between questions while something is expected
const slow = 10000;
const hurry = 60000; // ms after a test crash in which the page asks quickly

let expectUntil = 0;
let timer = 0;

document.documentElement.classList.add('scripted');

document.addEventListener('click', (event) => {
  const button = event.target.closest?.('button');
  if (button?.dataset.copy) copy(button);
  if (button?.dataset.crash) sendCrash(button);
});

// copy takes a text to the clipboard, or marks it where browsers do not give pages the clipboard: over plain HTTP.
async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent);
    say(button, 'Copied');
  } catch {
    getSelection().selectAllChildren(source);
    say(button, 'Press Ctrl+C');
  }
}

function say(button, text) {
  button.dataset.label ??= button.textContent;
  button.textContent = text;
  setTimeout(() => { button.textContent = button.dataset.label; }, 2000);
}

// sendCrash sends what a device would send.
async function sendCrash(button) {
  const output = button.parentElement.querySelector('output');
  button.disabled = true;
  try {
    const answer = await fetch('/logs?api-version=1.0.0', {
      method: 'POST',
      credentials: 'omit',
      headers: {
        'App-Secret': button.dataset.secret,
        'Install-ID': '00000000-0000-4000-8000-00007e575e4d',
        'Content-Type': 'application/json',
      },
      body: button.dataset.crash.replace('{{time}}', new Date().toISOString()),
    });
    const { status } = await answer.json();
    output.textContent = answer.ok ? 'Sent. It shows up below in a moment.' : `Not taken: ${status}`;
    expectUntil = Date.now() + hurry;
    ask(500);
  } catch {
    output.textContent = 'The server does not answer.';
  }
  button.disabled = false;
}

// ask plans the next question.
function ask(after) {
  clearTimeout(timer);
  timer = setTimeout(poll, after);
}

// poll asks what is new, and loads the parts of the page that are.
async function poll() {
  if (!document.hidden) {
    const here = await news();
    const offline = document.getElementById('offline');
    if (offline) offline.hidden = here;
  }
  const expecting = Date.now() < expectUntil || document.querySelector('[data-waiting]');
  ask(expecting ? quick : slow);
}

async function news() {
  const apps = [...document.querySelectorAll('[data-app]')];
  if (apps.length === 0) return true;
  const query = new URLSearchParams(apps.map((app) => ['app', app.dataset.app]));
  try {
    const answer = await fetch(`/status?${query}`, { cache: 'no-store' });
    if (answer.status === 401) location.reload();
    if (!answer.ok) return answer.status < 500;
    const marks = (await answer.json()).apps;
    if (apps.some((app) => marks[app.dataset.app] !== app.dataset.mark)) await refresh();
    return true;
  } catch {
    return false;
  }
}

// refresh replaces the parts that change, but not under the reader's hands.
async function refresh() {
  const answer = await fetch(location.href, { cache: 'no-store' });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
  if (!fresh.querySelector('[data-live]')) return location.reload();
  for (const app of document.querySelectorAll('[data-app]')) {
    app.dataset.mark = fresh.getElementById(app.id)?.dataset.mark ?? '';
  }
  for (const part of document.querySelectorAll('[data-live]')) {
    const other = fresh.getElementById(part.id);
    if (!other || part.innerHTML === other.innerHTML || part.contains(document.activeElement)) continue;
    const open = part.querySelector('details')?.open;
    part.replaceChildren(...other.childNodes);
    const details = part.querySelector('details');
    if (details && open) details.open = true;
  }
}

document.addEventListener('visibilitychange', () => { if (!document.hidden) ask(0); });
ask(quick);
