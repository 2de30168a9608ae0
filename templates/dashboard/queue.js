/* Shows the queue as it changes. The server sends the tables as HTML in which every text is escaped. */
const live = document.getElementById('live');
const connection = document.getElementById('connection');
const pause = 5000;

function show(text) {
  const next = new DOMParser().parseFromString(text, 'text/html').body;
  const ids = [...next.children].map((part) => part.id).join();
  if (ids !== [...live.children].map((part) => part.id).join()) {
    live.replaceChildren(...next.childNodes);
    return;
  }
  for (const part of next.children) {
    const there = document.getElementById(part.id);
    if (there.innerHTML === part.innerHTML) continue;
    /* The reader's place in a table and the focused link stay. */
    const left = there.querySelector('.scroll')?.scrollLeft ?? 0;
    const focused = there.contains(document.activeElement) && document.activeElement.getAttribute('href');
    there.replaceChildren(...part.childNodes);
    const scroll = there.querySelector('.scroll');
    if (scroll) scroll.scrollLeft = left;
    if (focused) [...there.querySelectorAll('a')].find((link) => link.getAttribute('href') === focused)?.focus();
  }
}

function connect() {
  const events = new EventSource(live.dataset.events);
  events.addEventListener('open', () => (connection.textContent = 'live'));
  events.addEventListener('queue', ({ data }) => show(data));
  events.addEventListener('error', () => {
    connection.textContent = 'not connected: trying again';
    if (events.readyState === EventSource.CLOSED) setTimeout(connect, pause);
  });
}
connect();
