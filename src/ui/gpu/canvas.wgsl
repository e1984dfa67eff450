// The canvas: picture, labels, difference and preview. src/ui/raster.rs and src/ui/raster/edge.rs say the same in Rust,
// function by function: what changes here changes there (a test compares the two).

// src/ui/gpu/uniforms.rs writes it.
struct Look {
    // Place of the picture's corner on the upright screen; screen pixels for one of its pixels.
    place: vec4f,
    // Columns, rows; kind of texel (0 unsigned, 1 signed 16 bits, 2 single precision, 3 colour); function of the levels.
    extent: vec4f,
    // Slope, pivot, offset; 1 where inverted.
    levels: vec4f,
    // Last place of the level table; its width; which layers; period of the stripes.
    more: vec4f,
    // Half an outline, its rim, how far it is seen; 1 where the target stores linear light.
    line: vec4f,
    // 1 where there are labels, a reference, a preview; opacity of the rim.
    there: vec4f,
    // Colours with opacity.
    background: vec4f,
    added: vec4f,
    removed: vec4f,
    relabelled: vec4f,
    // Colour; 1 where pixels are interpolated.
    preview: vec4f,
    // Opacity in the stripes and between them, and of outlines; 1 where levels have the colours of the map.
    stripes: vec4f,
    // What the x and the y of the upright screen are made of, from those of the real one: flips and rotations.
    turn: vec4f,
    // Colour and opacity of the fill; below 0 where hidden.
    labels: array<vec4f, 256>,
    // The map.
    colors: array<vec4f, 256>,
}

@group(0) @binding(0) var<uniform> look: Look;
@group(0) @binding(1) var image: texture_2d<u32>;
@group(0) @binding(2) var table: texture_2d<f32>;
@group(0) @binding(3) var labels: texture_2d<u32>;
@group(0) @binding(4) var reference: texture_2d<u32>;
@group(0) @binding(5) var preview: texture_2d<u32>;

const FILL = 1;
const OUTLINE = 2;
const DIFFERENCE = 3;
const PIXELS_FROM = 6.0;
const SHARED = 1.6;
const FAR = 1e9;

@vertex
fn vertex(@builtin(vertex_index) index: u32) -> @builtin(position) vec4f {
    // One triangle that covers all.
    let corner = vec2f(f32((index << 1u) & 2u), f32(index & 2u));
    return vec4f(corner * 2.0 - 1.0, 0.0, 1.0);
}

@fragment
fn fragment(@builtin(position) at: vec4f) -> @location(0) vec4f {
    let upright = vec2f(dot(look.turn.xy, at.xy), dot(look.turn.zw, at.xy));
    let p = (upright - look.place.xy) / look.place.zw;
    var color = look.background.rgb;
    let is_inside = all(p >= vec2f(0.0)) && all(p < look.extent.xy);
    if is_inside {
        color = picture(p);
        if look.stripes.w > 0.0 {
            color = look.colors[min(u32(color.r * 255.0 + 0.5), 255u)].rgb;
        }
    }
    color = overlay(color, p, upright, is_inside);
    if look.line.w > 0.0 {
        color = linear_from_gamma(color);
    }
    return vec4f(color, 1.0);
}

fn linear_from_gamma(c: vec3f) -> vec3f {
    return select(pow((c + 0.055) / 1.055, vec3f(2.4)), c / 12.92, c < vec3f(0.04045));
}

// The picture.

// The place of a stored value in its texture.
fn stored(raw: u32) -> f32 {
    switch i32(look.extent.z) {
        case 0 { return f32(raw); }
        case 1 { return f32(bitcast<i32>(raw << 16u) >> 16u); }
        default { return bitcast<f32>(raw); }
    }
}

fn level(value: f32) -> f32 {
    let x = look.levels.x * (clamp(value, -1e30, 1e30) - look.levels.y) + look.levels.z;
    var level = 0.0;
    switch i32(look.extent.w) {
        case 0 { level = clamp(x, 0.0, 1.0); }
        case 1 { level = 1.0 / (1.0 + exp(clamp(-4.0 * x, -80.0, 80.0))); }
        case 2 { level = select(0.0, 1.0, x > 0.0); }
        default {
            let i = u32(clamp(x, 0.0, look.more.x));
            let width = u32(look.more.y);
            level = textureLoad(table, vec2u(i % width, i / width), 0).x;
        }
    }
    return select(level, 1.0 - level, look.levels.w > 0.0);
}

fn texel(i: vec2i) -> vec3f {
    let raw = textureLoad(image, i, 0).x;
    if look.extent.z == 3.0 {
        return vec3f(level(f32(raw & 255u)), level(f32((raw >> 8u) & 255u)), level(f32((raw >> 16u) & 255u)));
    }
    if look.extent.z == 2.0 && (raw & 0x7fffffffu) > 0x7f800000u {
        // Not a number: no level on a curve, the lowest of steps and tables.
        return select(vec3f(0.0), vec3f(level(-1e30 * sign(look.levels.x))), look.extent.w >= 2.0);
    }
    return vec3f(level(stored(raw)));
}

fn filter_width(scale: f32) -> f32 {
    if scale <= 1.0 || look.preview.w == 0.0 {
        return 1.0 / scale;
    }
    return 1.0 + (1.0 / scale - 1.0) * smoothstep(4.0, PIXELS_FROM, scale);
}

// Most pixels of the picture, across or down, that one of the screen is made of: very small pictures are sampled.
const TAPS = 8;

// How many pixels a box from `low` of this width lies on.
fn taps(low: f32, width: f32) -> i32 {
    if width > f32(TAPS) {
        return TAPS;
    }
    return i32(floor(low + width)) - i32(floor(low)) + 1;
}

// Pixel `k` of a box and its weight.
struct Tap {
    index: i32,
    weight: f32,
}

fn tap(low: f32, width: f32, k: i32, end: f32) -> Tap {
    if width > f32(TAPS) {
        let at = floor(low + (f32(k) + 0.5) * width / f32(TAPS));
        return Tap(i32(clamp(at, 0.0, end - 1.0)), 1.0);
    }
    let at = floor(low) + f32(k);
    let weight = max(min(at + 1.0, low + width) - max(at, low), 0.0);
    return Tap(i32(clamp(at, 0.0, end - 1.0)), weight);
}

// The mean of the levels in a box about p.
fn picture(p: vec2f) -> vec3f {
    let width = vec2f(filter_width(look.place.z), filter_width(look.place.w));
    let low = p - width / 2.0;
    let across = taps(low.x, width.x);
    let down = taps(low.y, width.y);
    var sum = vec3f(0.0);
    var weights = 0.0;
    for (var y = 0; y < down; y++) {
        let row = tap(low.y, width.y, y, look.extent.y);
        for (var x = 0; x < across; x++) {
            let column = tap(low.x, width.x, x, look.extent.x);
            let weight = row.weight * column.weight;
            sum += weight * texel(vec2i(column.index, row.index));
            weights += weight;
        }
    }
    return sum / weights;
}

// The labels.

fn label_at(i: vec2i) -> u32 {
    if any(i < vec2i(0)) || any(i >= vec2i(look.extent.xy)) {
        return 0u;
    }
    let label = textureLoad(labels, i, 0).x;
    return select(label, 0u, look.labels[label].w < 0.0);
}

fn over(below: vec3f, color: vec3f, opacity: f32) -> vec3f {
    return below + (color - below) * opacity;
}

fn overlay(below: vec3f, p: vec2f, at: vec2f, is_inside: bool) -> vec3f {
    var color = below;
    let layers = i32(look.more.z);
    var edge = Edge(0u, 0u, FAR);
    if look.there.x > 0.0 && layers != 0 {
        edge = nearest_edge(p);
    }
    if is_inside {
        if layers == DIFFERENCE && look.there.x > 0.0 && look.there.y > 0.0 {
            let tint = difference(p);
            color = over(color, tint.rgb, tint.a);
        } else if edge.own != 0u {
            let fill = look.labels[edge.own];
            color = over(color, fill.rgb, fill.a);
        }
        if look.there.z > 0.0 && textureLoad(preview, vec2i(floor(p)), 0).x != 0u {
            let along = floor(at.x) + floor(at.y);
            let is_stripe = along - floor(along / look.more.w) * look.more.w < look.more.w / 2.0;
            color = over(color, look.preview.rgb, select(look.stripes.y, look.stripes.x, is_stripe));
        }
    }
    if edge.distance < look.line.z {
        let line = look.labels[select(edge.own, edge.other, edge.own == 0u)].rgb;
        // Two labels share an edge: each has a line of its own on its side.
        let half_line = look.line.x * select(1.0, SHARED, edge.own != 0u && edge.other != 0u);
        let rim = clamp(look.line.x + look.line.y - edge.distance + 0.5, 0.0, 1.0) * look.there.w;
        color = over(color, vec3f(0.0), select(0.0, rim, look.line.y > 0.0) * look.stripes.z);
        color = over(color, line, clamp(half_line - edge.distance + 0.5, 0.0, 1.0) * look.stripes.z);
    }
    return color;
}

// What changed against the reference on the screen pixel at p: where the picture is reduced, a single pixel counts.
fn difference(p: vec2f) -> vec4f {
    let half_box = clamp(0.5 / look.place.zw, vec2f(0.0), vec2f(2.0)) * select(0.0, 1.0, min(look.place.z, look.place.w) < 1.0);
    let first = vec2i(floor(max(p - half_box, vec2f(0.0))));
    let last = vec2i(floor(min(p + half_box, look.extent.xy - 1.0)));
    for (var y = first.y; y <= max(last.y, first.y); y++) {
        for (var x = first.x; x <= max(last.x, first.x); x++) {
            let now = textureLoad(labels, vec2i(x, y), 0).x;
            let then = textureLoad(reference, vec2i(x, y), 0).x;
            if now != then {
                if then == 0u { return look.added; }
                if now == 0u { return look.removed; }
                return look.relabelled;
            }
        }
    }
    return vec4f(0.0);
}

// The label at a place, the one beyond the nearest edge, and how far that is in screen pixels.
struct Edge {
    own: u32,
    other: u32,
    distance: f32,
}

fn nearest_edge(p: vec2f) -> Edge {
    let scale = min(look.place.z, look.place.w);
    if scale >= 1.0 && scale < PIXELS_FROM && look.preview.w > 0.0 {
        return smooth_edge(p);
    }
    return stepped_edge(p);
}

// Along the sides of the pixels. Where the picture is much reduced not all of them can be looked at; the rim, which may
// lie beyond, is left out first.
fn stepped_edge(p: vec2f) -> Edge {
    let reach = (look.line.x + 0.5) / look.place.zw;
    let stride = max(vec2i(ceil(reach / 4.0)), vec2i(1));
    let count = clamp(vec2i(ceil(reach / vec2f(stride))), vec2i(1), vec2i(4));
    let middle = vec2i(floor(p));
    let own = label_at(middle);
    var edge = Edge(own, own, FAR);
    for (var y = -count.y; y <= count.y; y++) {
        for (var x = -count.x; x <= count.x; x++) {
            let i = middle + vec2i(x, y) * stride;
            let label = label_at(i);
            if label != own {
                let low = vec2f(i);
                let gap = max(max(low - p, p - low - 1.0), vec2f(0.0)) * look.place.zw;
                let distance = length(gap);
                if distance < edge.distance {
                    edge = Edge(own, label, distance);
                }
            }
        }
    }
    return edge;
}

// The quadratic B-spline, and its slope.
fn spline(t: f32) -> f32 {
    let a = abs(t);
    let tail = max(1.5 - a, 0.0);
    return select(0.5 * tail * tail, 0.75 - a * a, a < 0.5);
}

fn spline_slope(t: f32) -> f32 {
    let a = abs(t);
    return select(-sign(t) * max(1.5 - a, 0.0), -2.0 * t, a < 0.5);
}

// Knots of the wide spline, in pixels: it reaches over five.
const WIDE = 5.0 / 3.0;
// Labels that are told apart within five by five pixels.
const MOST = 4;

// Labels as smooth indicators: each pixel's label spread by a spline, the largest sum wins. Details that the wide
// spline would take away (thin lines, single pixels) are spread by the narrow one.
fn smooth_edge(p: vec2f) -> Edge {
    let middle = vec2i(floor(p));
    let u = p - vec2f(middle) - 0.5;
    let own = label_at(middle);
    var found = array<u32, 4>(own, 0u, 0u, 0u);
    var count = 1;
    var kept = 0.0;
    var all = 0.0;
    for (var y = -2; y <= 2; y++) {
        for (var x = -2; x <= 2; x++) {
            let label = label_at(middle + vec2i(x, y));
            let weight = spline(f32(x) / WIDE) * spline(f32(y) / WIDE);
            all += weight;
            kept += select(0.0, weight, label == own);
            var is_new = true;
            for (var k = 0; k < count; k++) {
                is_new = is_new && found[k] != label;
            }
            if is_new && count < MOST {
                found[count] = label;
                count++;
            }
        }
    }
    if count == 1 {
        return Edge(own, own, FAR);
    }
    let width = select(1.0, WIDE, kept >= 0.5 * all);
    var sums = array<vec3f, 4>(vec3f(0.0), vec3f(0.0), vec3f(0.0), vec3f(0.0));
    all = 0.0;
    for (var y = -2; y <= 2; y++) {
        let v = (u.y - f32(y)) / width;
        for (var x = -2; x <= 2; x++) {
            let t = (u.x - f32(x)) / width;
            let weight = spline(t) * spline(v);
            all += weight;
            let label = label_at(middle + vec2i(x, y));
            let slopes = vec2f(spline_slope(t) * spline(v), spline(t) * spline_slope(v)) / width;
            for (var k = 0; k < count; k++) {
                if found[k] == label {
                    sums[k] += vec3f(weight, slopes);
                }
            }
        }
    }
    var first = 0;
    for (var k = 1; k < count; k++) {
        first = select(first, k, sums[k].x > sums[first].x);
    }
    var second = select(0, 1, first == 0);
    for (var k = 0; k < count; k++) {
        second = select(second, k, k != first && sums[k].x > sums[second].x);
    }
    let lead = (sums[first] - sums[second]) / all;
    let slope = length(lead.yz / look.place.zw);
    let longest = 1.5 * width * min(look.place.z, look.place.w);
    return Edge(found[first], found[second], edge_distance(lead.x, slope, longest));
}

// How far an edge is where one label leads by `lead`, which changes by `slope` for each screen pixel. The lead across a
// straight edge is taken for 1 - (1 - x / reach)^2; that of a pixel in which nothing else is near is 1. No reach is
// longer than `longest`: in the middle of a dot the lead does not change, and yet the edge is near.
fn edge_distance(lead: f32, slope: f32, longest: f32) -> f32 {
    let q = sqrt(max(1.0 - lead, 0.0));
    if q < 0.02 {
        return FAR;
    }
    return 2.0 * q * (1.0 - q) / max(slope, 2.0 * q / longest);
}
