export { type CrashReport, crashCampaign } from './crash-campaign.js';
