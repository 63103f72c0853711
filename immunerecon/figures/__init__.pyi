from .cohort_pages import fold_heatmaps as fold_heatmaps, median_courses as median_courses
from .cohorts import cohort_incidence as cohort_incidence
from .courses import Limits as Limits, draw_course as draw_course
from .densities import draw_gate as draw_gate
from .donors import draw_donor_fraction as draw_donor_fraction
from .heatmap import draw_fold_heatmap as draw_fold_heatmap
from .incidence import draw_cumulative_incidence as draw_cumulative_incidence
from .levels import draw_incidence_by_level as draw_incidence_by_level
from .medians import draw_median_course as draw_median_course
from .outcome_pages import expansion_page as expansion_page, swimmer_page as swimmer_page
from .paper import paper_data as paper_data, paper_figure as paper_figure
from .patients import patient_courses as patient_courses
from .ridges import donor_ridges as donor_ridges, draw_donor_ridges as draw_donor_ridges
from .saving import save_figure as save_figure
from .sheets import all_tubes as all_tubes
from .style import STYLES as STYLES, figure_style as figure_style
from .swimmer import draw_swimmer as draw_swimmer
from .trees import gating_tree as gating_tree
from .waterfall import draw_expansion_waterfall as draw_expansion_waterfall
