/**
 * What a graph does in a browser: a click makes a frame as wide as its lane, a search marks what matches and adds it up. Runs inside
 * the SVG, so it is text, asks for nothing from elsewhere, and holds no `]]>`.
 */
export const svgScript = `(function () {
  'use strict';
  var script = document.currentScript;
  var svg = (script && script.ownerSVGElement) || document.documentElement;
  var LEFT = Number(svg.getAttribute('data-left'));
  var WIDTH = Number(svg.getAttribute('data-width'));
  var CHAR = 6.7;
  var details = svg.querySelector('.details');
  var found = svg.querySelector('.found');
  var lanes = Array.from(svg.querySelectorAll('g.lane')).map(function (lane) {
    return Array.from(lane.querySelectorAll('g.frame')).map(function (g) {
      var rect = g.querySelector('rect');
      var title = g.querySelector('title').textContent;
      return {
        g: g, rect: rect, text: g.querySelector('text'), title: title, label: title.split('\\n')[0],
        x: Number(rect.getAttribute('x')), y: Number(rect.getAttribute('y')), width: Number(rect.getAttribute('width'))
      };
    });
  });

  function place(frame, x, width) {
    frame.g.style.display = width < 0.02 ? 'none' : '';
    frame.rect.setAttribute('x', x);
    frame.rect.setAttribute('width', Math.max(0, width));
    var count = Math.floor((width - 4) / CHAR);
    var label = count < 3 ? '' : frame.label.length <= count ? frame.label : frame.label.slice(0, count - 1) + '\\u2026';
    if (label === '' && !frame.text) return;
    if (!frame.text) {
      frame.text = document.createElementNS('http://www.w3.org/2000/svg', 'text');
      frame.text.setAttribute('y', frame.y + 12);
      frame.g.appendChild(frame.text);
    }
    frame.text.setAttribute('x', x + 3);
    frame.text.textContent = label;
  }

  function zoom(lane, to) {
    var scale = WIDTH / to.width;
    lane.forEach(function (frame) {
      var isInside = frame.x >= to.x - 0.0005 && frame.x + frame.width <= to.x + to.width + 0.0005;
      var isAbove = frame.y < to.y && frame.x <= to.x + 0.0005 && frame.x + frame.width >= to.x + to.width - 0.0005;
      frame.g.classList.toggle('above', isAbove);
      if (isAbove) place(frame, LEFT, WIDTH);
      else if (isInside && frame.y >= to.y) place(frame, LEFT + (frame.x - to.x) * scale, frame.width * scale);
      else place(frame, LEFT, 0);
    });
  }

  function reset() {
    lanes.forEach(function (lane) {
      lane.forEach(function (frame) {
        frame.g.classList.remove('above');
        place(frame, frame.x, frame.width);
      });
    });
  }

  function search(text) {
    var pattern = null;
    try {
      pattern = text ? new RegExp(text, 'i') : null;
    } catch (error) {
      found.textContent = String(error.message);
      return;
    }
    var shares = lanes.map(function (lane) {
      var hits = lane.filter(function (frame) {
        var isHit = pattern !== null && pattern.test(frame.title.split('\\n').slice(0, 2).join(' '));
        frame.g.classList.toggle('hit', isHit);
        return isHit;
      });
      // A match inside another one is in its time already; outer frames come first.
      var outer = [];
      hits.forEach(function (hit) {
        var isCounted = outer.some(function (other) {
          return hit.x >= other.x - 0.0005 && hit.x + hit.width <= other.x + other.width + 0.0005;
        });
        if (!isCounted) outer.push(hit);
      });
      var sum = outer.reduce(function (total, hit) { return total + hit.width; }, 0);
      return lane.length === 0 ? '' : lane[0].label + ' ' + ((100 * sum) / lane[0].width).toFixed(1) + '%';
    });
    found.textContent = pattern === null ? '' : text + ': ' + shares.filter(Boolean).join(', ');
  }

  function ask() {
    var text = window.prompt('Function or file (regular expression; nothing ends the search)', '');
    if (text !== null) search(text);
  }

  lanes.forEach(function (lane) {
    lane.forEach(function (frame) {
      frame.g.addEventListener('click', function () { zoom(lane, frame); });
      frame.g.addEventListener('mouseenter', function () { details.textContent = frame.title.split('\\n').join('   '); });
      frame.g.addEventListener('mouseleave', function () { details.textContent = ''; });
    });
  });
  svg.querySelector('.search').addEventListener('click', ask);
  svg.querySelector('.reset').addEventListener('click', reset);
  document.addEventListener('keydown', function (event) {
    if (event.key === 'Escape') reset();
    if ((event.key === 'f' && (event.ctrlKey || event.metaKey)) || event.key === '/') {
      event.preventDefault();
      ask();
    }
  });
})();`;
