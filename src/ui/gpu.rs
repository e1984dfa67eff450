//! The canvas painted on the GPU: a shader composites an image texture and label textures. Pan, zoom, window/level and
//! colours change only the uniforms; a brush stroke uploads only the pixels it touched.

mod layers;
mod uniforms;

use super::look::Scene;
use eframe::{
    egui_wgpu::{Callback, CallbackResources, CallbackTrait, RenderState},
    wgpu,
};
use egui::{PaintCallback, PaintCallbackInfo, Rect};
use layers::CanvasTextures;

/// The canvas on one GPU.
#[derive(Debug)]
pub struct Gpu {
    queue: wgpu::Queue,
    device: wgpu::Device,
    pipeline: wgpu::RenderPipeline,
    layout: wgpu::BindGroupLayout,
    uniforms: wgpu::Buffer,
    layers: CanvasTextures,
    bind_group: Option<wgpu::BindGroup>,
    is_linear: bool,
}

impl Gpu {
    /// Sets up the shader on the GPU that draws the window.
    pub fn new(state: &RenderState) -> Self {
        let device = state.device.clone();
        let layout = bind_group_layout(&device);
        let pipeline = create_pipeline(&device, &layout, state.target_format);
        let uniforms = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("canvas look"),
            size: uniforms::BYTES as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        Self {
            layers: CanvasTextures::new(&device),
            queue: state.queue.clone(),
            is_linear: state.target_format.is_srgb(),
            bind_group: None,
            device,
            pipeline,
            layout,
            uniforms,
        }
    }

    /// True if an image of this size, in pixels, fits into a texture.
    pub fn can_hold(&self, columns: usize, rows: usize) -> bool {
        columns.max(rows) <= self.device.limits().max_texture_dimension_2d as usize
    }

    /// Uploads what has changed. The scene's image must fit, see [`Gpu::can_hold`].
    pub fn upload_scene(&mut self, scene: &Scene<'_>) {
        let has_new_textures = self.layers.upload_changes(&self.device, &self.queue, scene);
        self.queue.write_buffer(
            &self.uniforms,
            0,
            &uniforms::scene_bytes(scene, self.is_linear),
        );
        if has_new_textures || self.bind_group.is_none() {
            self.bind_group = Some(self.scene_bind_group());
        }
    }

    /// The egui paint callback for `rect`, in points. Call [`Gpu::upload_scene`] first.
    pub fn paint_callback(&self, rect: Rect) -> Option<PaintCallback> {
        let bind_group = self.bind_group.clone()?;
        Some(Callback::new_paint_callback(
            rect,
            Drawing {
                pipeline: self.pipeline.clone(),
                bind_group,
            },
        ))
    }

    /// Draws into the caller's render pass. Call [`Gpu::upload_scene`] first. Screen pixels are those of the
    /// pass's target.
    pub fn draw_into_pass(&self, pass: &mut wgpu::RenderPass<'_>) {
        if let Some(bind_group) = &self.bind_group {
            pass.set_pipeline(&self.pipeline);
            pass.set_bind_group(0, bind_group, &[]);
            pass.draw(0..3, 0..1);
        }
    }

    fn scene_bind_group(&self) -> wgpu::BindGroup {
        let views = self
            .layers
            .bound_textures()
            .map(|t| t.create_view(&wgpu::TextureViewDescriptor::default()));
        let mut entries = vec![wgpu::BindGroupEntry {
            binding: 0,
            resource: self.uniforms.as_entire_binding(),
        }];
        entries.extend(
            (1..)
                .zip(&views)
                .map(|(binding, view)| wgpu::BindGroupEntry {
                    binding,
                    resource: wgpu::BindingResource::TextureView(view),
                }),
        );
        self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("canvas"),
            layout: &self.layout,
            entries: &entries,
        })
    }
}

/// One draw call of the canvas.
struct Drawing {
    pipeline: wgpu::RenderPipeline,
    bind_group: wgpu::BindGroup,
}

impl CallbackTrait for Drawing {
    fn paint(
        &self,
        _: PaintCallbackInfo,
        pass: &mut wgpu::RenderPass<'static>,
        _: &CallbackResources,
    ) {
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.bind_group, &[]);
        pass.draw(0..3, 0..1);
    }
}

/// Uniforms, then the textures in the order of [`CanvasTextures::bound_textures`].
fn bind_group_layout(device: &wgpu::Device) -> wgpu::BindGroupLayout {
    let buffer = wgpu::BindingType::Buffer {
        ty: wgpu::BufferBindingType::Uniform,
        has_dynamic_offset: false,
        min_binding_size: None,
    };
    let whole_numbers = texture_binding(wgpu::TextureSampleType::Uint);
    let figures = texture_binding(wgpu::TextureSampleType::Float { filterable: false });
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some("canvas"),
        entries: &[
            layout_entry(0, buffer),
            layout_entry(1, whole_numbers),
            layout_entry(2, figures),
            layout_entry(3, whole_numbers),
            layout_entry(4, whole_numbers),
            layout_entry(5, whole_numbers),
        ],
    })
}

fn layout_entry(binding: u32, ty: wgpu::BindingType) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::FRAGMENT,
        ty,
        count: None,
    }
}

fn texture_binding(sample_type: wgpu::TextureSampleType) -> wgpu::BindingType {
    wgpu::BindingType::Texture {
        sample_type,
        view_dimension: wgpu::TextureViewDimension::D2,
        multisampled: false,
    }
}

fn create_pipeline(
    device: &wgpu::Device,
    layout: &wgpu::BindGroupLayout,
    target: wgpu::TextureFormat,
) -> wgpu::RenderPipeline {
    let module = device.create_shader_module(wgpu::include_wgsl!("gpu/canvas.wgsl"));
    let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some("canvas"),
        bind_group_layouts: &[Some(layout)],
        immediate_size: 0,
    });
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some("canvas"),
        layout: Some(&layout),
        vertex: wgpu::VertexState {
            module: &module,
            entry_point: Some("vertex"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            buffers: &[],
        },
        primitive: wgpu::PrimitiveState::default(),
        depth_stencil: None,
        multisample: wgpu::MultisampleState::default(),
        fragment: Some(wgpu::FragmentState {
            module: &module,
            entry_point: Some("fragment"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            targets: &[Some(wgpu::ColorTargetState {
                format: target,
                blend: None,
                write_mask: wgpu::ColorWrites::ALL,
            })],
        }),
        multiview_mask: None,
        cache: None,
    })
}

#[cfg(test)]
mod tests;
