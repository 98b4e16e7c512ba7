// The editor of a picture: a preview and a file. Pixels become the numbers that the
// network was trained on; the file itself stays in the browser.

import {fileInput, h} from "./dom.js";

/** An editor as table_input.js says; a picture is rows of pixels, the top first. */
export function createImageInput(schema, onPicture) {
  const [channels, height, width] = schema.shape;
  const canvas = h("canvas", {width, height, class: "pixels", role: "img", "aria-label": "no picture yet"});
  const error = h("p", {id: "picture-error", class: "error", role: "alert"});
  const file = fileInput({
    id: "picture",
    accept: "image/png,image/jpeg",
    "aria-describedby": "picture-hint picture-error",
  });
  let pixels = null;

  file.addEventListener("change", async () => {
    if (!file.files.length) return;
    try {
      show(await readPicture(file.files[0], schema));
      onPicture();
    } catch {
      say("This file is no picture that a browser can read; take a PNG or JPEG.");
    }
  });

  function say(text) {
    error.textContent = text;
    file.toggleAttribute("aria-invalid", text !== "");
  }

  function show(instance) {
    pixels = instance;
    paint(canvas, instance, schema);
    canvas.setAttribute("aria-label", `the picture, ${width} by ${height} pixels`);
    say("");
  }

  return {
    element: h(
      "div",
      {class: "field whole"},
      canvas,
      h("label", {for: "picture"}, "Picture (PNG or JPEG)"),
      file,
      h(
        "small",
        {id: "picture-hint", class: "hint"},
        `Scaled and cropped to ${width} × ${height} pixels${channels === 1 ? " of grey" : ""}.`,
      ),
      error,
    ),
    read() {
      const faults = pixels ? [] : [{path: "$.instances[0]", problem: "Choose a picture or an example."}];
      return {instance: pixels, faults};
    },
    write(instance) {
      if (!isPicture(instance, schema)) return `A picture is ${height} rows of ${width} pixels.`;
      file.value = "";
      show(instance);
      return null;
    },
    fault(path, text) {
      say(text);
      return path.startsWith("$.instances[0]");
    },
  };
}

function isPicture(instance, {shape: [, height, width]}) {
  return Array.isArray(instance) && instance.length === height && instance[0]?.length === width;
}

/** The numbers of black and white: as the schema says, or the range of training. */
function scaleOf({picture, features}, channel) {
  const feature = features[channel];
  if (picture) return [0, picture.white];
  return [Math.min(0, feature.minimum ?? 0), feature.maximum ?? 255];
}

async function readPicture(file, schema) {
  const [channels, height, width] = schema.shape;
  const bitmap = await createImageBitmap(file);
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.fillRect(0, 0, width, height); // transparent parts become black
  context.imageSmoothingQuality = "high";
  drawCropped(context, bitmap, width, height);
  const {data} = context.getImageData(0, 0, width, height);
  const pixel = (at) => {
    const colours = channels === 1 ? [grey(data, at)] : [data[at], data[at + 1], data[at + 2]];
    const values = colours.map((value, c) => scaled(value, schema, c));
    return channels === 1 ? values[0] : values;
  };
  return rows(height, width, (y, x) => pixel(4 * (y * width + x)));
}

/** Fill the canvas, cut about the centre: a picture must not be stretched. */
function drawCropped(context, bitmap, width, height) {
  const scale = Math.max(width / bitmap.width, height / bitmap.height);
  const [wide, high] = [bitmap.width * scale, bitmap.height * scale];
  context.drawImage(bitmap, (width - wide) / 2, (height - high) / 2, wide, high);
}

function scaled(value, schema, channel) {
  const [black, white] = scaleOf(schema, channel);
  return Number((black + (value / 255) * (white - black)).toPrecision(6));
}

function grey(data, at) {
  return 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2]; // ITU-R BT.601
}

function rows(height, width, value) {
  return Array.from({length: height}, (_, y) => Array.from({length: width}, (_, x) => value(y, x)));
}

/** Draw a picture's numbers as colours, one canvas pixel a pixel. */
export function paint(canvas, instance, schema) {
  const [, height, width] = schema.shape;
  const context = canvas.getContext("2d");
  const drawn = context.createImageData(width, height);
  instance.flat().forEach((pixel, i) => {
    const values = [pixel].flat();
    for (let c = 0; c < 3; c += 1) {
      const channel = Math.min(c, values.length - 1); // grey is its own red and blue
      const [black, white] = scaleOf(schema, channel);
      drawn.data[4 * i + c] = (255 * (values[channel] - black)) / (white - black);
    }
    drawn.data[4 * i + 3] = 255;
  });
  context.putImageData(drawn, 0, 0);
}
